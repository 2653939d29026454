/* Softmax along rows: e^(x - max) in double, times 1 / their sum. Sums: 16 interleaved partial sums. */
#include "families.h"
#include "row.h"

#define PART 1024 /* values of a row in hand at a time; exponentials of longer rows are computed twice */

void softmax_forward(const float *x, float *y, idx rows, idx n)
{
    double e[PART];
    for (idx r = 0; r < rows; r++, x += n, y += n) {
        const double max = greatest(x, n);
        double partial[16] = {0};
        for (idx at = 0; at < n; at += PART) {
            const idx part = least(PART, n - at);
            exponentials(x + at, max, part, e);
            add_to_partials(e, part, partial);
        }
        const double factor = 1 / tree_16(partial);
        for (idx at = 0; at < n; at += PART) {
            const idx part = least(PART, n - at);
            if (n > PART) exponentials(x + at, max, part, e);
            ELEMENTWISE for (idx i = 0; i < part; i++) y[at + i] = (float)(e[i] * factor);
        }
    }
}

void softmax_causal(const float *x, float *y, idx rows, idx height, idx n)
{
    for (idx r = 0; r < rows; r++, x += n, y += n) {
        const idx part = least(r % height + 1, n);
        softmax_forward(x, y, 1, part);
        memset(y + part, 0, (size_t)(n - part) * sizeof *y);
    }
}

/* gx = y (gy - sum of gy * y) */
void softmax_backward(const float *y, const float *gy, float *gx, idx rows, idx n)
{
    double product[PART];
    for (idx r = 0; r < rows; r++, y += n, gy += n, gx += n) {
        double partial[16] = {0};
        for (idx at = 0; at < n; at += PART) {
            const idx part = least(PART, n - at);
            for (idx i = 0; i < part; i++) product[i] = (double)gy[at + i] * (double)y[at + i];
            add_to_partials(product, part, partial);
        }
        const double sum = tree_16(partial);
        ELEMENTWISE for (idx i = 0; i < n; i++) gx[i] = (float)((double)y[i] * ((double)gy[i] - sum));
    }
}
