/* The loops around the microkernel: passes over some parts of the chains, panels of columns, tiles of rows. */
#include "product.h"

/* Walks through the rows of A and C, which lie in three nested steps. */
typedef struct {
    idx i1, i2;
    const float *a0, *a1, *a;
    float *c0, *c1, *c;
} cursor;

INLINE void next_rows(const product *p, cursor *u, int count, const float **a, float **c)
{
    for (int r = 0; r < count; r++) {
        a[r] = u->a;
        c[r] = u->c;
        u->a += p->a2;
        u->c += p->c2;
        if (++u->i2 < p->d2) continue;
        u->i2 = 0;
        u->a1 += p->a1;
        u->c1 += p->c1;
        if (++u->i1 == p->d1) {
            u->i1 = 0;
            u->a1 = u->a0 += p->a0;
            u->c1 = u->c0 += p->c0;
        }
        u->a = u->a1;
        u->c = u->c1;
    }
}

/* Copies rows first … last of unpacked B, one panel wide, side by side. */
static void copy_panel(const product *p, idx column, idx width, idx first, idx last)
{
    const idx have = least(width, p->columns - column);
    for (idx k = first; k < last; k++) {
        float *to = p->copy + (k - first) * width;
        const float *from = p->b + k * p->b_step + column;
        if (have == width) {
            for (idx v = 0; v < width; v += L) STORE(to + v, LOAD(from + v));
        } else {
            memset(to, 0, (size_t)width * sizeof(float));
            memcpy(to, from, (size_t)have * sizeof(float));
        }
    }
}

static void place_b(const product *p, tile *t, idx column, idx width, const run *first, const run *last)
{
    if (p->b_step == 0) {
        t->b = p->b + column * p->terms;
        t->b_step = width;
    } else if (p->copy) {
        copy_panel(p, column, width, first->b, last->b + last->n);
        t->b = p->copy - first->b * width;
        t->b_step = width;
    } else {
        t->b = p->b + column;
        t->b_step = p->b_step;
    }
}

/* All tiles of one panel. Rows are shared out evenly, so that no tile is left over. */
static void multiply_panel(const product *p, tile *t, idx column, idx width)
{
    const int most_rows = TILE_ROWS[width / L];
    const idx group = p->layout == ROWS_ADJACENT ? p->d2 : p->rows; /* rows among which tiles are cut */
    const idx tiles = blocks_of(group, most_rows), few = group / tiles, more = group % tiles;
    const tile_kernel *const kernels = TILE_KERNELS[p->layout][width / L];
    const float *a[MOST_ROWS + 1];
    float *c[MOST_ROWS + 1];
    cursor u = {0, 0, p->a, p->a, p->a, p->c + column, p->c + column, p->c + column};
    t->a = a;
    t->c = c;
    for (idx g = 0; g < p->rows; g += group) {
        for (idx i = 0; i < tiles; i++) {
            const int rows = (int)(few + (i < more)); /* `more` tiles of few + 1 rows, then tiles of few */
            next_rows(p, &u, rows, a, c);
            kernels[rows](t);
        }
    }
}

/* The end of the pass that starts at run `first`. */
static idx pass_end(const product *p, idx first)
{
    idx end = first;
    for (int parts = 0; end < p->run_count && parts < PASS_PARTS; end++) parts += (int)p->runs[end].ends;
    return end;
}

void multiply(const product *p)
{
    for (idx first = 0, end; first < p->run_count; first = end) {
        end = pass_end(p, first);
        for (idx i = 0; i < panel_count(p->columns); i++) {
            idx column, width;
            panel(p->columns, i, &column, &width);
            tile t = {
                .runs = p->runs + first,
                .run_count = end - first,
                .a_step = p->a_step,
                .is_begun = p->is_begun || first > 0,
                .is_last = end == p->run_count,
                .bias = p->bias ? p->bias + column : 0,
                .relu = p->relu,
                .valid = least(width, p->stored - column),
            };
            place_b(p, &t, column, width, p->runs + first, p->runs + end - 1);
            multiply_panel(p, &t, column, width);
        }
    }
}
