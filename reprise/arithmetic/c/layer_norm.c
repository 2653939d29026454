/* Layer norm along rows of n values; a row's sums: 16 interleaved partial sums in double, a fixed tree.
 *
 * statistics, [rows, 2]: f(mean) and f(1 / sqrt(variance + eps)), variance = sum of squares / n - mean *
 * mean, at least 0, f rounding to float. xhat = (x - mean) * scale, y = xhat * weight + bias in float.
 */
#include "families.h"
#include "channels.h"

#define PART 256 /* columns whose sums over the rows are in hand at a time */

/* The sums of a row's `first` and `second`, which `values` sets for value i */
#define ROW_SUMS(values)                                             \
    do {                                                             \
        double one[16] = {0}, two[16] = {0}, first, second;          \
        idx i = 0;                                                   \
        for (idx at = 0; at + 16 <= n; at += 16)                     \
            UNROLL for (int k = 0; k < 16; k++) {                    \
                i = at + k;                                          \
                values;                                              \
                one[k] += first;                                     \
                two[k] += second;                                    \
            }                                                        \
        for (i = n - n % 16; i < n; i++) {                           \
            values;                                                  \
            one[i % 16] += first;                                    \
            two[i % 16] += second;                                   \
        }                                                            \
        sums[0] = tree_16(one);                                      \
        sums[1] = tree_16(two);                                      \
    } while (0)

void layer_norm_forward(const float *x, const float *weight, const float *bias, double eps, float *y,
                        float *statistics, idx rows, idx n)
{
    for (idx r = 0; r < rows; r++, x += n, y += n) {
        double sums[2];
        ROW_SUMS((first = x[i], second = (double)x[i] * (double)x[i]));
        const double count = (double)n;
        const float mean = (float)(sums[0] / count);
        const float scale = (float)(1 / __builtin_sqrt(variance_of(sums[0], sums[1], count) + eps));
        statistics[2 * r] = mean;
        statistics[2 * r + 1] = scale;
        if (weight && bias)
            ELEMENTWISE for (idx i = 0; i < n; i++) y[i] = ((x[i] - mean) * scale) * weight[i] + bias[i];
        else
            for (idx i = 0; i < n; i++)
                y[i] = ((x[i] - mean) * scale) * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
    }
}

/* gbias = f(sum of gy over the rows), gweight = f(sum of gy * xhat), each a chain in double in row order */
static void sums_over_rows(const float *x, const float *statistics, const float *gy, float *gweight,
                           float *gbias, idx rows, idx n)
{
    for (idx first = 0; first < n; first += PART) {
        double sum[PART] = {0}, dot[PART] = {0};
        const idx part = least(PART, n - first);
        for (idx r = 0; r < rows; r++) {
            const float *v = x + r * n + first, *g = gy + r * n + first;
            const float mean = statistics[2 * r], scale = statistics[2 * r + 1];
            ELEMENTWISE for (idx i = 0; i < part; i++) {
                sum[i] += (double)g[i];
                dot[i] += (double)g[i] * (double)((v[i] - mean) * scale);
            }
        }
        for (idx i = 0; i < part; i++) {
            if (gbias) gbias[first + i] = (float)sum[i];
            if (gweight) gweight[first + i] = (float)dot[i];
        }
    }
}

/* h = gy * weight in float; gx = scale * ((h - f(sum of h / n)) - xhat * f(sum of h * xhat / n)) */
void layer_norm_backward(const float *x, const float *statistics, const float *weight, const float *gy,
                         float *gx, float *gweight, float *gbias, idx rows, idx n)
{
    if (gweight || gbias) sums_over_rows(x, statistics, gy, gweight, gbias, rows, n);
    for (idx r = 0; gx && r < rows; r++, x += n, gy += n, gx += n) {
        const float mean = statistics[2 * r], scale = statistics[2 * r + 1];
        double sums[2];
#define XHAT ((x[i] - mean) * scale)
        if (weight) ROW_SUMS((first = gy[i] * weight[i], second = first * (double)XHAT));
        else ROW_SUMS((first = gy[i], second = first * (double)XHAT));
        const float less = (float)(sums[0] / (double)n), slope = (float)(sums[1] / (double)n);
        if (weight)
            ELEMENTWISE for (idx i = 0; i < n; i++)
                gx[i] = scale * ((gy[i] * weight[i] - less) - XHAT * slope);
        else
            ELEMENTWISE for (idx i = 0; i < n; i++) gx[i] = scale * ((gy[i] - less) - XHAT * slope);
    }
}
