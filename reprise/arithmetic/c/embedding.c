/* Embedding: rows of the weights by number. A number's gradients are added in float in row order, from +0. */
#include "families.h"
#include "special.h"

/* Which row of the weights a value names; -1: none. */
INLINE idx row_of(float index, idx count) { return index > -1 && index < (float)count ? (idx)index : -1; }

void embedding_forward(const float *index, const float *weight, float *y, idx rows, idx count, idx width)
{
    for (idx r = 0; r < rows; r++, y += width) {
        const idx at = row_of(index[r], count);
        if (at >= 0) memcpy(y, weight + at * width, (size_t)width * sizeof *y);
        else for (idx i = 0; i < width; i++) y[i] = __builtin_nanf("");
    }
}

void embedding_backward(const float *index, const float *gy, float *gweight, idx rows, idx count, idx width)
{
    memset(gweight, 0, (size_t)(count * width) * sizeof *gweight);
    for (idx r = 0; r < rows; r++, gy += width) {
        const idx at = row_of(index[r], count);
        if (at < 0) continue;
        float *to = gweight + at * width;
        ELEMENTWISE for (idx i = 0; i < width; i++) to[i] += gy[i];
    }
}
