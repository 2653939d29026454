/* The microkernel: a tile of C, some rows by a few vectors, stays in registers while its chains run. */
#include "product.h"

#define EACH_ROW UNROLL for (int r = 0; r < rows; r++)
#define EACH_VECTOR UNROLL for (int v = 0; v < width; v++)
#define MULTIPLY_ROW(r, value)                                                          \
    {                                                                                   \
        const vf a_ = SPLAT(value);                                                     \
        EACH_VECTOR acc[r][v] = FMA(a_, b_[v], acc[r][v]);                              \
    }
#define LOAD_B                                                                          \
    vf b_[WIDEST];                                                                      \
    EACH_VECTOR b_[v] = LOAD(b + v * L);                                                \
    b += b_step;

/* One run of terms, for a tile of rows × width (constants, so that all loops over them unroll). */
INLINE void run_terms(const tile *t, const run *u, vf acc[MOST_ROWS][WIDEST], const int rows, const int width,
                      const enum layout layout)
{
    const idx b_step = t->b_step;
    const float *b = t->b + u->b * b_step;
    if (layout == TERMS_ADJACENT && u->n >= 4) {
        const float *a[MOST_ROWS];
        EACH_ROW a[r] = t->a[r] + u->a;
        idx k = 0;
        for (; k + 4 <= u->n; k += 4) {
            UNROLL for (int i = 0; i < 4; i++) { LOAD_B EACH_ROW MULTIPLY_ROW(r, a[r][k + i]) }
        }
        for (; k < u->n; k++) { LOAD_B EACH_ROW MULTIPLY_ROW(r, a[r][k]) }
    } else if (layout == ROWS_ADJACENT) {
        const float *a = t->a[0] + u->a;
        for (idx k = u->n; k > 0; k--, a += t->a_step) { LOAD_B EACH_ROW MULTIPLY_ROW(r, a[r]) }
    } else {
        const idx step = layout == TERMS_ADJACENT ? 1 : t->a_step;
        const idx end = u->a + u->n * step;
        for (idx k = u->a; k != end; k += step) { LOAD_B EACH_ROW MULTIPLY_ROW(r, t->a[r][k]) }
    }
}

INLINE void load_row(const tile *t, int r, vf *to, const int width)
{
    if (t->valid == width * L) {
        EACH_VECTOR to[v] = LOAD(t->c[r] + v * L);
        return;
    }
    float row[WIDEST * L] = {0};
    memcpy(row, t->c[r], (size_t)t->valid * sizeof(float));
    EACH_VECTOR to[v] = LOAD(row + v * L);
}

INLINE void store_row(const tile *t, int r, const vf *from, const int width)
{
    if (t->valid == width * L) {
        EACH_VECTOR STORE(t->c[r] + v * L, from[v]);
        return;
    }
    float row[WIDEST * L];
    EACH_VECTOR STORE(row + v * L, from[v]);
    memcpy(t->c[r], row, (size_t)t->valid * sizeof(float));
}

/* A part of the chains ends: add it to the parts before, and start the next one. */
INLINE void end_part(const tile *t, vf acc[MOST_ROWS][WIDEST], int is_begun, int is_last, const int rows, const int width)
{
    if (is_begun) {
        EACH_ROW {
            vf sum[WIDEST];
            load_row(t, r, sum, width);
            EACH_VECTOR acc[r][v] = ADD(sum[v], acc[r][v]);
        }
    }
    if (is_last && t->bias) {
        EACH_ROW EACH_VECTOR acc[r][v] = ADD(acc[r][v], LOAD(t->bias + v * L));
    }
    if (is_last && t->relu) {
        EACH_ROW EACH_VECTOR acc[r][v] = RELU(acc[r][v]);
        if (t->relu == UP_TO_SIX) EACH_ROW EACH_VECTOR acc[r][v] = UP_TO(6.f, acc[r][v]);
    }
    EACH_ROW {
        store_row(t, r, acc[r], width);
        EACH_VECTOR acc[r][v] = SPLAT(0.f);
    }
}

INLINE void compute(const tile *t, const int rows, const int width, const enum layout layout)
{
    vf acc[MOST_ROWS][WIDEST];
    EACH_ROW EACH_VECTOR acc[r][v] = SPLAT(0.f);
    int is_begun = t->is_begun;
    for (const run *u = t->runs, *end = u + t->run_count; u < end; u++) {
        run_terms(t, u, acc, rows, width, layout);
        if (!u->ends) continue;
        end_part(t, acc, is_begun, t->is_last && u + 1 == end, rows, width);
        is_begun = 1;
    }
}

#define KERNEL(rows, width)                                                                             \
    static void terms_##rows##_##width(const tile *t) { compute(t, rows, width, TERMS_ADJACENT); }      \
    static void rows_##rows##_##width(const tile *t) { compute(t, rows, width, ROWS_ADJACENT); }        \
    static void any_##rows##_##width(const tile *t) { compute(t, rows, width, SCATTERED); }
#define NAMES_4(x, w) x##1_##w, x##2_##w, x##3_##w, x##4_##w
#define NAMES_6(x, w) NAMES_4(x, w), x##5_##w, x##6_##w
#define NAMES_8(x, w) NAMES_6(x, w), x##7_##w, x##8_##w
#define NAMES_12(x, w) NAMES_8(x, w), x##9_##w, x##10_##w, x##11_##w, x##12_##w
#define KERNELS_4(w) KERNEL(1, w) KERNEL(2, w) KERNEL(3, w) KERNEL(4, w)
#define KERNELS_6(w) KERNELS_4(w) KERNEL(5, w) KERNEL(6, w)
#define KERNELS_8(w) KERNELS_6(w) KERNEL(7, w) KERNEL(8, w)
#define KERNELS_12(w) KERNELS_8(w) KERNEL(9, w) KERNEL(10, w) KERNEL(11, w) KERNEL(12, w)

#if WIDEST == 4
KERNELS_12(1) KERNEL(13, 1) KERNEL(14, 1) KERNELS_12(2) KERNELS_8(3) KERNELS_6(4)
#define TABLE(x) {{0}, {0, NAMES_12(x, 1), x##13_1, x##14_1}, {0, NAMES_12(x, 2)}, {0, NAMES_8(x, 3)}, {0, NAMES_6(x, 4)}}
#elif L == 8
KERNELS_12(1) KERNELS_6(2)
#define TABLE(x) {{0}, {0, NAMES_12(x, 1)}, {0, NAMES_6(x, 2)}}
#else
KERNELS_4(1) KERNEL(1, 2) KERNEL(2, 2)
#define TABLE(x) {{0}, {0, NAMES_4(x, 1)}, {0, x##1_2, x##2_2}}
#endif

const tile_kernel TILE_KERNELS[LAYOUTS][WIDEST + 1][MOST_ROWS + 1] = {TABLE(terms_), TABLE(rows_), TABLE(any_)};
const int TILE_ROWS[WIDEST + 1] = ROWS_OF_WIDTH;
