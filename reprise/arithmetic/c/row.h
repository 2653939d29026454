/* What softmax and the losses do along a row: its greatest value, exponentials, sums. */
#ifndef ROW_H
#define ROW_H
#include "special.h"

/* From -inf on, so NaN is passed over (the exponentials show it); -0 or +0 makes no difference to them. */
INLINE float greatest(const float *x, idx n)
{
    float best[16], max = -__builtin_inff();
    idx i = 0;
    for (int k = 0; k < 16; k++) best[k] = max;
    for (; i + 16 <= n; i += 16)
        ELEMENTWISE for (int k = 0; k < 16; k++) best[k] = x[i + k] > best[k] ? x[i + k] : best[k];
    for (int k = 0; k < 16; k++) max = best[k] > max ? best[k] : max;
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

INLINE void exponentials(const float *x, double max, idx n, double *restrict e)
{
    ELEMENTWISE for (idx i = 0; i < n; i++) e[i] = exp_((double)x[i] - max);
}

/* Value i of a row is added to partial sum i % 16; n values from one whose number is a multiple of 16. */
INLINE void add_to_partials(const double *v, idx n, double *restrict partial)
{
    idx i = 0;
    for (; i + 16 <= n; i += 16)
        ELEMENTWISE for (int k = 0; k < 16; k++) partial[k] += v[i + k];
    for (; i < n; i++) partial[i % 16] += v[i];
}

#endif
