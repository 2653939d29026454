/* Sums over rows, one chain in double a channel, lanes across channels: what norms and pooling share. */
#ifndef CHANNELS_H
#define CHANNELS_H
#include "special.h"

#define WIDE 16 /* channels whose sums are in registers at a time */

/* Calls body(width) for the channels from c on; the width is a constant. */
#define BY_CHANNELS(channels, body)                         \
    do {                                                    \
        idx c = 0;                                          \
        for (; c + WIDE <= channels; c += WIDE) body(WIDE); \
        for (; c + 4 <= channels; c += 4) body(4);          \
        for (; c < channels; c++) body(1);                  \
    } while (0)

/* Adds those of m rows, `step` apart, to sums of x and of x * x. */
INLINE void add_values(const float *x, idx m, idx step, idx width, double *restrict sums,
                       double *restrict dots)
{
    double sum[WIDE], dot[WIDE];
    for (idx k = 0; k < width; k++) sum[k] = sums[k], dot[k] = dots[k];
    for (idx r = 0; r < m; r++, x += step)
        ELEMENTWISE for (idx k = 0; k < width; k++) {
            const double v = x[k];
            sum[k] += v;
            dot[k] += v * v;
        }
    for (idx k = 0; k < width; k++) sums[k] = sum[k], dots[k] = dot[k];
}

/* Adds those of m rows to sums of g and of g * xhat; g = gy (where y > 0, else +0, if y is given),
 * xhat = (x - mean) * scale. */
INLINE void add_gradients(const float *x, const float *y, const float *gy, const float *mean,
                          const float *scale, idx m, idx step, idx width, double *restrict sums,
                          double *restrict dots)
{
    double sum[WIDE], dot[WIDE];
    float middle[WIDE], factor[WIDE];
    for (idx k = 0; k < width; k++)
        sum[k] = sums[k], dot[k] = dots[k], middle[k] = mean[k], factor[k] = scale[k];
    for (idx r = 0; r < m; r++, x += step, gy += step) {
        const float *mask = y ? y + r * step : x;
        ELEMENTWISE for (idx k = 0; k < width; k++) {
            const float g = y ? chosen(mask[k] > 0, gy[k], 0) : gy[k];
            sum[k] += (double)g;
            dot[k] += (double)g * (double)((x[k] - middle[k]) * factor[k]);
        }
    }
    for (idx k = 0; k < width; k++) sums[k] = sum[k], dots[k] = dot[k];
}

/* Sums over all m rows of n channels. The cache holds a block of rows while its channels take turns. */
#define BLOCK_FLOATS 4096
INLINE void sums_of_values(const float *x, idx m, idx step, idx n, double *sums, double *dots)
{
    const idx block = most(1, BLOCK_FLOATS / n);
    for (idx i = 0; i < n; i++) sums[i] = dots[i] = 0;
    for (idx r = 0; r < m; r += block) {
#define ADD_VALUES(width) add_values(x + r * step + c, least(block, m - r), step, width, sums + c, dots + c)
        BY_CHANNELS(n, ADD_VALUES);
    }
}
INLINE void sums_of_gradients(const float *x, const float *y, const float *gy, const float *mean,
                              const float *scale, idx m, idx step, idx n, double *sums, double *dots)
{
    const idx block = most(1, BLOCK_FLOATS / n);
    for (idx i = 0; i < n; i++) sums[i] = dots[i] = 0;
    for (idx r = 0; r < m; r += block) {
        const idx at = r * step, rows = least(block, m - r);
#define ADD_GRADIENTS(width)                                                                           \
    add_gradients(x + at + c, y ? y + at + c : 0, gy + at + c, mean + c, scale + c, rows, step, width, \
                  sums + c, dots + c)
        BY_CHANNELS(n, ADD_GRADIENTS);
    }
}

/* The mean of the squares less the square of the mean, at least 0 */
INLINE double variance_of(double sum, double squares, double n)
{
    const double average = sum / n, variance = squares / n - average * average;
    return variance < 0 ? 0 : variance;
}

#endif
