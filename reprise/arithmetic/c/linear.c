/* Linear layers: y = x·wᵀ + b. */
#include "layers.h"
#include "product.h"

#define GROUP_ROWS 264 /* rows that go through all columns before the next ones: they stay in the cache */
#define RUNS(terms) (((terms) / PART_TERMS + 2) * (idx)(sizeof(run) / sizeof(float)))

static idx cut(run *runs, idx terms, idx a_step)
{
    idx filled = 0;
    return end_runs(runs, append_run(runs, 0, 0, a_step, 0, terms, &filled));
}

idx linear_packed(const linear *d, int for_gradient)
{
    return for_gradient ? d->out * round_up(d->in, L) : d->in * round_up(d->out, L);
}

void linear_pack(const linear *d, const float *w, int for_gradient, float *packed)
{
    const idx only = 0;
    if (for_gradient) pack_taps(w, d->out, d->in, 1, &only, 1, packed);
    else pack_transposed(w, d->out, d->in, 1, packed);
}

/* rows × terms by packed terms × columns */
static void rows_by_packed(const float *x, idx rows, idx terms, const float *packed, idx columns, const float *bias,
                           int relu, float *y)
{
    const idx padded = round_up(columns, L);
    reserve(padded + RUNS(terms) + 64);
    float *wide_bias = 0;
    if (bias) {
        wide_bias = take(padded);
        memset(wide_bias, 0, (size_t)padded * sizeof(float));
        memcpy(wide_bias, bias, (size_t)columns * sizeof(float));
    }
    run *runs = (run *)take(RUNS(terms));
    product p = {.layout = TERMS_ADJACENT, .d1 = 1, .a2 = terms, .a_step = 1, .c2 = columns, .runs = runs, .b = packed,
                 .terms = terms, .columns = columns, .stored = columns, .bias = wide_bias, .relu = relu};
    p.run_count = cut(runs, terms, 1);
    for (idx m = 0; m < rows; m += GROUP_ROWS) {
        p.rows = p.d2 = least(GROUP_ROWS, rows - m);
        p.a = x + m * terms;
        p.c = y + m * columns;
        multiply(&p);
    }
}

void linear_forward(const linear *d, idx rows, const float *x, const float *packed, const float *bias, int relu, float *y)
{
    rows_by_packed(x, rows, d->in, packed, d->out, bias, relu, y);
}

void linear_input_gradient(const linear *d, idx rows, const float *gy, const float *packed, float *gx)
{
    rows_by_packed(gy, rows, d->out, packed, d->in, 0, 0, gx);
}

void linear_weight_gradient(const linear *d, idx rows, const float *gy, const float *x, float *gw, float *gb)
{
    const idx copied = PASS_PARTS * PART_TERMS * WIDEST * L;
    reserve(copied + RUNS(rows) + 64);
    run *runs = (run *)take(RUNS(rows));
    product p = {.layout = ROWS_ADJACENT, .rows = d->out, .d1 = 1, .d2 = d->out, .a = gy, .a2 = 1, .a_step = d->out, .c = gw,
                 .c2 = d->in, .runs = runs, .b = x, .b_step = d->in, .copy = take(copied), .columns = d->in, .stored = d->in};
    p.run_count = cut(runs, rows, d->out);
    multiply(&p);
    if (gb) column_sums(gy, rows, d->out, gb);
}

void swap_inner(const float *x, float *y, idx rows, idx outer, idx inner)
{
    for (idx i = 0; i < rows; i++) transpose(x + i * outer * inner, inner, outer, inner, y + i * outer * inner, outer, 0);
}
