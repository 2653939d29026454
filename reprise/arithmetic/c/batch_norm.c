/* Batch norm of x, [m, channels]: a channel's sums are chains in double over the m rows.
 *
 * mean = sum / m, variance = sum of squares / m - mean * mean, at least 0 (the biased one).
 * y = (x - f(mean)) * f(weight / sqrt(variance + eps)) + bias in float, f rounding from double.
 */
#include "families.h"
#include "channels.h"

#define PERIOD 512 /* coefficients side by side: of a part of the channels, or of several rows of few */

void batch_norm_statistics(const float *x, idx m, idx channels, double *mean, double *variance)
{
    const double n = (double)m;
    sums_of_values(x, m, channels, channels, mean, variance);
    for (idx c = 0; c < channels; c++) {
        variance[c] = variance_of(mean[c], variance[c], n);
        mean[c] /= n;
    }
}

/* What is done to `n` values side by side in each of some rows, `step` apart */
typedef struct {
    float mean[PERIOD], scale[PERIOD], factor[PERIOD], bias[PERIOD], less[PERIOD], slope[PERIOD];
} coefficients;

INLINE float factor_of(const float *weight, double variance, double eps, idx c)
{
    return (float)((weight ? (double)weight[c] : 1) / __builtin_sqrt(variance + eps));
}

INLINE void apply_rows(const float *x, const coefficients *k, int relu_too, float *y, idx m, idx n, idx step)
{
    for (idx r = 0; r < m; r++, x += step, y += step) {
        if (relu_too)
            ELEMENTWISE for (idx i = 0; i < n; i++)
                y[i] = relu((x[i] - k->mean[i]) * k->factor[i] + k->bias[i]);
        else
            ELEMENTWISE for (idx i = 0; i < n; i++) y[i] = (x[i] - k->mean[i]) * k->factor[i] + k->bias[i];
    }
}

/* Rows of few channels are taken several at a time: [m, channels] as [m / together, period], and a rest. */
INLINE idx rows_together(idx m, idx channels) { return most(1, least(m, PERIOD / channels)); }
INLINE void repeat(float *values, idx n, idx times)
{
    for (idx i = n; i < n * times; i++) values[i] = values[i - n];
}

void batch_norm_apply(const float *x, const double *mean, const double *variance, const float *weight,
                      const float *bias, double eps, int relu_too, float *y, idx m, idx channels)
{
    coefficients k;
    const idx together = rows_together(m, channels), period = together * channels;
    const idx done = m / together * period;
    for (idx first = 0; first < channels; first += PERIOD) {
        const idx n = least(PERIOD, channels - first);
        for (idx i = 0, c = first; i < n; i++, c++) {
            k.mean[i] = (float)mean[c];
            k.factor[i] = factor_of(weight, variance[c], eps, c);
            k.bias[i] = bias ? bias[c] : 0;
        }
        repeat(k.mean, n, together);
        repeat(k.factor, n, together);
        repeat(k.bias, n, together);
        apply_rows(x + first, &k, relu_too, y + first, m / together, n * together, period);
    }
    apply_rows(x + done, &k, relu_too, y + done, 1, m * channels - done, 0);
}

/* gx = factor * ((g - less) - xhat * slope), xhat = (x - mean) * scale */
INLINE void gradient_rows(const float *x, const float *y, const coefficients *k, const float *gy, float *gx,
                          idx m, idx n, idx step)
{
    for (idx r = 0; r < m; r++, x += step, gy += step, gx += step) {
        const float *mask = y ? y + r * step : x;
        ELEMENTWISE for (idx i = 0; i < n; i++) {
            const float g = y ? chosen(mask[i] > 0, gy[i], 0) : gy[i];
            gx[i] = k->factor[i] * ((g - k->less[i]) - ((x[i] - k->mean[i]) * k->scale[i]) * k->slope[i]);
        }
    }
}

/* g = gy, or, where y is given, gy where y > 0, else +0; xhat = (x - f(mean)) * f(1 / sqrt(variance + eps));
 * gbias = f(sum of g), gweight = f(sum of g * xhat), chains in double, and in float
 * gx = f(weight / sqrt(variance + eps)) * ((g - f(sum of g / m)) - xhat * f(sum of g * xhat / m)). */
INLINE void backward(const float *x, const float *y, const double *mean, const double *variance,
                     const float *weight, double eps, const float *gy, float *gx, float *gweight,
                     float *gbias, idx m, idx channels)
{
    coefficients k;
    double sums[PERIOD], dots[PERIOD];
    const idx together = rows_together(m, channels), period = together * channels;
    const idx done = m / together * period;
    for (idx first = 0; first < channels; first += PERIOD) {
        const idx n = least(PERIOD, channels - first);
        for (idx i = 0, c = first; i < n; i++, c++) {
            k.mean[i] = (float)mean[c];
            k.scale[i] = factor_of(0, variance[c], eps, c);
            k.factor[i] = factor_of(weight, variance[c], eps, c);
        }
        sums_of_gradients(x + first, y ? y + first : 0, gy + first, k.mean, k.scale, m, channels, n, sums,
                          dots);
        for (idx i = 0; i < n; i++) {
            if (gbias) gbias[first + i] = (float)sums[i];
            if (gweight) gweight[first + i] = (float)dots[i];
            k.less[i] = (float)(sums[i] / (double)m);
            k.slope[i] = (float)(dots[i] / (double)m);
        }
        if (!gx) continue;
        float *const repeated[] = {k.mean, k.scale, k.factor, k.less, k.slope};
        for (int i = 0; i < 5; i++) repeat(repeated[i], n, together);
        gradient_rows(x + first, y ? y + first : 0, &k, gy + first, gx + first, m / together, n * together,
                      period);
    }
    if (gx) gradient_rows(x + done, y ? y + done : 0, &k, gy + done, gx + done, 1, m * channels - done, 0);
}

void batch_norm_backward(const float *x, const float *y_of_relu, const double *mean, const double *variance,
                         const float *weight, double eps, const float *gy, float *gx, float *gweight,
                         float *gbias, idx m, idx channels)
{
    if (y_of_relu) backward(x, y_of_relu, mean, variance, weight, eps, gy, gx, gweight, gbias, m, channels);
    else backward(x, 0, mean, variance, weight, eps, gy, gx, gweight, gbias, m, channels);
}
