/* Numbers as a network takes them: their place in the training data's distribution, and the bins that it fills. */
#include "families.h"
#include "special.h"

/* The first knot that is not below v, or with `above` the first one that is above it. */
INLINE idx search(const float *knots, idx count, float v, int above)
{
    idx low = 0, high = count;
    while (low < high) {
        const idx middle = low + (high - low) / 2;
        if (knots[middle] < v || (above && knots[middle] == v)) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* A straight line between two knots; half way between the first and the last score of knots that are equal to v. */
INLINE float score_of(float v, const float *knots, const float *scores, idx count)
{
    if (v != v) return v;
    const idx from = search(knots, count, v, 0), to = search(knots, count, v, 1);
    if (from < to) return (float)(((double)scores[from] + (double)scores[to - 1]) * 0.5);
    if (from == 0) return scores[0];
    if (from == count) return scores[count - 1];
    const double low = knots[from - 1], high = knots[from], below = scores[from - 1], above = scores[from];
    return (float)(below + (above - below) * (((double)v - low) / (high - low)));
}

void piecewise_forward(const piecewise *d, idx rows, const float *x, const float *table, float *y)
{
    const float *scores = table;
    for (idx r = 0; r < rows; r++, x += d->columns) {
        const float *own = table + d->knots;
        for (idx f = 0; f < d->features; f++) {
            const float *knots = own + 1, *edges = knots + d->knots, z = score_of(x[(idx)own[0]], knots, scores, d->knots);
            *y++ = z;
            for (idx b = 0; b < d->bins; b++) {
                const double low = edges[b], high = edges[b + 1];
                *y++ = high > low ? (float)within(((double)z - low) / (high - low), 0, 1) : 0;
            }
            own = edges + d->bins + 1;
        }
    }
}
