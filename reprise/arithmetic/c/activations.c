/* Activations and their gradients, elementwise. Those with exponentials are in double, rounded once. */
#include "families.h"
#include "channels.h"

INLINE float relu6(float x) { return x <= 0 ? 0 : x >= 6 ? 6 : x; }
INLINE float gelu(double x) { return (float)(x * normal_of(x).below); }

INLINE float gelu_slope(double x, double gy)
{
    const normal at = normal_of(x);
    return (float)(gy * (at.below + x * at.density));
}

/* x / (1 + e^-x) */
INLINE float silu(double x)
{
    const power p = power_of(-x);
    return (float)(x * bottom(p) / (bottom(p) + top(p)));
}

/* s (1 + x (1 - s)), where s = 1 / (1 + e^-x) and 1 - s = e^-x / (1 + e^-x): nothing cancels */
INLINE float silu_slope(double x, double gy)
{
    const power p = power_of(-x);
    const double w = 1 / (bottom(p) + top(p)), s = bottom(p) * w, rest = top(p) * w;
    return (float)(gy * (s * (1 + x * rest)));
}

#define EACH(out, value) \
    do { ELEMENTWISE for (idx i = 0; i < n; i++) out[i] = value; } while (0)
#define EACH_LONG(out, value) \
    do { ELEMENTWISE_LONG for (idx i = 0; i < n; i++) out[i] = value; } while (0)

void activation_forward(int kind, double slope, const float *x, float *y, idx n)
{
    const float leak = (float)slope;
    switch (kind) {
    case RELU_: EACH(y, relu(x[i])); break;
    case RELU6_: EACH(y, relu6(x[i])); break;
    case LEAKY_RELU_: EACH(y, chosen(x[i] > 0, x[i], x[i] * leak)); break;
    case GELU_: EACH_LONG(y, gelu(x[i])); break;
    case SILU_: EACH(y, silu(x[i])); break;
    case SIGMOID_: EACH(y, (float)sigmoid_(x[i])); break;
    default: EACH(y, (float)tanh_(x[i]));
    }
}

void activation_backward(int kind, double slope, const float *x, const float *y, const float *gy, float *gx,
                         idx n)
{
    const float leak = (float)slope;
    const float *signs = x ? x : y; /* leaky ReLU's, and those of y unless slope < 0 */
    switch (kind) {
    case RELU_: EACH(gx, chosen(y[i] > 0, gy[i], 0)); break;
    case RELU6_: EACH(gx, chosen((y[i] > 0) & (y[i] < 6), gy[i], 0)); break;
    case LEAKY_RELU_: EACH(gx, chosen(signs[i] > 0, gy[i], gy[i] * leak)); break;
    case GELU_: EACH_LONG(gx, gelu_slope(x[i], gy[i])); break;
    case SILU_: EACH(gx, silu_slope(x[i], gy[i])); break;
    case SIGMOID_: EACH(gx, (float)((double)gy[i] * ((double)y[i] * (1 - (double)y[i])))); break;
    default: EACH(gx, (float)((double)gy[i] * (1 - (double)y[i] * (double)y[i])));
    }
}
