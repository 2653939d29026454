/* Embedding: rows of the weights by number. A number's gradients are added in float in row order, from +0. */
#include "families.h"
#include "special.h"

void embedding_forward(const int64_t *index, const float *weight, float *y, idx rows, idx width)
{
    for (idx r = 0; r < rows; r++)
        memcpy(y + r * width, weight + (idx)index[r] * width, (size_t)width * sizeof *y);
}

void embedding_backward(const int64_t *index, const float *gy, float *gweight, idx rows, idx count, idx width)
{
    memset(gweight, 0, (size_t)(count * width) * sizeof *gweight);
    for (idx r = 0; r < rows; r++, gy += width) {
        float *to = gweight + (idx)index[r] * width;
        ELEMENTWISE for (idx i = 0; i < width; i++) to[i] += gy[i];
    }
}
