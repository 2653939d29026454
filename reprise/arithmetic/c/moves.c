/* Values put in another order, repeated, joined. */
#include "families.h"
#include "product.h"
#include "special.h"

#define EACH_RUN(s)                                                                      \
    for (idx a = 0; a < (s)->size[0]; a++)                                               \
        for (idx b = 0; b < (s)->size[1]; b++)                                           \
            for (idx c = 0; c < (s)->size[2]; c++)                                       \
                for (idx d = 0; d < (s)->size[3]; d++)
#define RUN_START(s) ((s)->first + a * (s)->step[0] + b * (s)->step[1] + c * (s)->step[2] + d * (s)->step[3])

INLINE idx row_floats(const strides *s)
{
    idx n = 1;
    for (int axis = 0; axis < MOST_AXES; axis++) n *= s->size[axis];
    return n;
}

static void take_row(const float *x, float *y, const strides *s)
{
    const idx n = s->size[4], step = s->step[4];
    EACH_RUN(s) {
        const float *from = x + RUN_START(s);
        if (step == 1) memcpy(y, from, (size_t)n * sizeof *y);
        else for (idx i = 0; i < n; i++) y[i] = from[i * step];
        y += n;
    }
}

static void add_row(const float *gy, double *sums, const strides *s)
{
    const idx n = s->size[4], step = s->step[4];
    EACH_RUN(s) {
        double *to = sums + RUN_START(s);
        for (idx i = 0; i < n; i++) to[i * step] += (double)gy[i];
        gy += n;
    }
}

void move_forward(const float *x, float *y, idx rows, idx x_floats, const strides *s)
{
    for (idx r = 0; r < rows; r++) take_row(x + r * x_floats, y + r * row_floats(s), s);
}

void move_backward(const float *gy, float *gx, idx rows, idx x_floats, const strides *s)
{
    reserve(FLOATS(x_floats, double));
    double *sums = (double *)take(FLOATS(x_floats, double));
    for (idx r = 0; r < rows; r++, gx += x_floats) {
        for (idx i = 0; i < x_floats; i++) sums[i] = -0.0; /* which changes no value that is added to it */
        add_row(gy + r * row_floats(s), sums, s);
        ELEMENTWISE for (idx i = 0; i < x_floats; i++) gx[i] = (float)sums[i];
    }
}

void join_forward(const float *a, const float *b, float *y, idx turns, idx m, idx n)
{
    for (idx t = 0; t < turns; t++, y += m + n) {
        memcpy(y, a + t * m, (size_t)m * sizeof *y);
        memcpy(y + m, b + t * n, (size_t)n * sizeof *y);
    }
}

void join_backward(const float *gy, float *ga, float *gb, idx turns, idx m, idx n)
{
    for (idx t = 0; t < turns; t++, gy += m + n) {
        if (ga) memcpy(ga + t * m, gy, (size_t)m * sizeof *gy);
        if (gb) memcpy(gb + t * n, gy + m, (size_t)n * sizeof *gy);
    }
}
