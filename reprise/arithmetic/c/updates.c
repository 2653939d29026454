/* Updates of the parameters in one pass: sum of the slices, clipping's factor, optimizer.
 *
 * All in float. A number of the settings, or what is computed of several, is rounded to float once:
 * "f(…)" below. Gradients are summed as ((g0 + g1) + g2) + …
 */
#include "families.h"
#include "special.h"

#define PART 256     /* values that are summed, then used */
#define BLOCK 65536  /* values of a block of sum_of_squares */

/* sum[i] = ((g0 + g1) + g2) + … of n <= PART values from `at` */
INLINE void sum_slices(float *const *g, idx slices, idx at, idx n, float *restrict sum)
{
    const float *a = g[0] + at, *b = slices > 1 ? g[1] + at : a;
    if (slices == 1) ELEMENTWISE for (idx i = 0; i < n; i++) sum[i] = a[i];
    else ELEMENTWISE for (idx i = 0; i < n; i++) sum[i] = a[i] + b[i];
    for (idx s = 2; s < slices; s++) {
        const float *c = g[s] + at;
        ELEMENTWISE for (idx i = 0; i < n; i++) sum[i] += c[i];
    }
}

void add_slices(float *const *g, idx slices, idx n)
{
    float sum[PART];
    if (slices < 2) return;
    for (idx at = 0; at < n; at += PART) {
        const idx part = least(PART, n - at);
        sum_slices(g, slices, at, part, sum);
        float *to = g[0] + at;
        ELEMENTWISE for (idx i = 0; i < part; i++) to[i] = sum[i];
    }
}

/* Sums of squares of whole blocks: each in double, value i of the block into partial sum i % 16. */
void squares_of_blocks(float *const *g, idx slices, idx n, idx first, idx blocks, double *sums)
{
    for (idx b = first; b < first + blocks; b++) {
        double partial[16] = {0};
        const idx end = least(n, (b + 1) * BLOCK);
        for (idx at = b * BLOCK; at < end; at += PART) {
            const idx part = least(PART, end - at);
            float sum[PART];
            sum_slices(g, slices, at, part, sum);
            for (idx i = part; i < round_up(part, 16); i++)
                sum[i] = 0; /* adds +0 to a sum that is never −0 */
            for (idx i = 0; i < part; i += 16)
                UNROLL for (int k = 0; k < 16; k++) partial[k] += (double)sum[i + k] * (double)sum[i + k];
        }
        sums[b - first] = tree_16(partial);
    }
}

double sum_of_squares(float *const *g, idx slices, idx n)
{
    double total = 0, block;
    for (idx b = 0; b < blocks_of(n, BLOCK); b++) {
        squares_of_blocks(g, slices, n, b, 1, &block);
        total += block;
    }
    return total;
}

/* The gradient as the optimizers take it: the slices' sum, times f(factor), plus f(weight_decay) * p */
INLINE void gradient(float *const *g, idx slices, idx at, idx n, float factor, float decay, const float *p,
                     float *restrict sum)
{
    sum_slices(g, slices, at, n, sum);
    if (factor != 1) ELEMENTWISE for (idx i = 0; i < n; i++) sum[i] *= factor;
    if (decay != 0) ELEMENTWISE for (idx i = 0; i < n; i++) sum[i] += decay * p[i];
}

/* velocity = f(momentum) * velocity + g;  p = p - f(rate) * velocity;  without momentum p = p - f(rate) * g
 */
void sgd(float *p, float *velocity, float *const *g, idx slices, idx n, const update *u)
{
    const float rate = (float)u->rate, momentum = (float)u->momentum;
    const float factor = (float)u->factor, decay = (float)u->weight_decay;
    float sum[PART];
    for (idx at = 0; at < n; at += PART) {
        const idx part = least(PART, n - at);
        float *restrict to = p + at, *restrict v = velocity ? velocity + at : sum;
        gradient(g, slices, at, part, factor, decay, to, sum);
        if (velocity) ELEMENTWISE for (idx i = 0; i < part; i++) v[i] = momentum * v[i] + sum[i];
        ELEMENTWISE for (idx i = 0; i < part; i++) to[i] -= rate * v[i];
    }
}

/* decoupled: p = p * f(1 - rate * weight_decay), else the gradient has weight_decay * p in it;
 * mean = mean + (g - mean) * f(1 - beta1);  square = square * f(beta2) + (g * g) * f(1 - beta2);
 * p = p - f(rate / correction1) * (mean / (sqrt(square) / f(sqrt(correction2)) + f(eps)))
 */
void adam(float *p, float *mean, float *square, float *const *g, idx slices, idx n, const update *u)
{
    const float factor = (float)u->factor, decay = u->decoupled ? 0 : (float)u->weight_decay;
    const float keep = u->decoupled ? (float)(1 - u->rate * u->weight_decay) : 1;
    const float new1 = (float)(1 - u->beta1), beta2 = (float)u->beta2, new2 = (float)(1 - u->beta2);
    const float step = (float)(u->rate / u->correction1), eps = (float)u->eps;
    const float root2 = (float)__builtin_sqrt(u->correction2);
    float sum[PART];
    for (idx at = 0; at < n; at += PART) {
        const idx part = least(PART, n - at);
        float *restrict to = p + at, *restrict m = mean + at, *restrict s = square + at;
        gradient(g, slices, at, part, factor, decay, to, sum);
        ELEMENTWISE for (idx i = 0; i < part; i++) {
            m[i] += (sum[i] - m[i]) * new1;
            s[i] = s[i] * beta2 + (sum[i] * sum[i]) * new2;
            to[i] = to[i] * keep - step * (m[i] / (__builtin_sqrtf(s[i]) / root2 + eps));
        }
    }
}
