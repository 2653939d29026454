/* The product behind linear layers and convolutions: C = A·B, each output a chain of fused multiply-adds.
 *
 * acc = fma(a_k, b_k, acc), k ascending from +0. A long chain is cut into parts, which are added in order: shorter
 * chains round less. Vector lanes run across the columns of B, so tiles and vector width can't change a chain. A is
 * read through one pointer a row and a list of runs, so that a convolution needs no copy of its patches.
 */
#ifndef PRODUCT_H
#define PRODUCT_H
#include "vector.h"

#if L == 16
#define WIDEST 4 /* vectors side by side in a tile, at most */
#define ROWS_OF_WIDTH {0, 14, 12, 8, 6} /* rows of a tile, at most, by its width: as many as registers hold */
#elif L == 8
#define WIDEST 2
#define ROWS_OF_WIDTH {0, 12, 6}
#elif defined(__aarch64__)
#define WIDEST 4
#define ROWS_OF_WIDTH {0, 14, 12, 8, 6}
#else
#define WIDEST 2
#define ROWS_OF_WIDTH {0, 4, 2}
#endif
#define MOST_ROWS 14
#define PART_TERMS 128 /* terms after which a chain is cut */
#define PASS_PARTS 4   /* parts that are done before the next tile's turn, at most */

/* n terms in a row: where they start in A (from the row's pointer), their first row of B; whether a part ends */
typedef struct { idx a, b, n, ends; } run;
/* Appends n terms to a list of runs, cut where a part of PART_TERMS is full; *filled counts the running part's. */
INLINE idx append_run(run *runs, idx count, idx a, idx a_step, idx b, idx n, idx *filled)
{
    while (n > 0) {
        const idx some = least(n, PART_TERMS - *filled);
        *filled = (*filled + some) % PART_TERMS;
        runs[count++] = (run){a, b, some, *filled == 0};
        a += some * a_step;
        b += some;
        n -= some;
    }
    return count;
}
/* Ends the last part; a list without terms becomes one empty run, whose value is +0. */
INLINE idx end_runs(run *runs, idx count)
{
    if (count == 0) runs[count++] = (run){0, 0, 0, 1};
    runs[count - 1].ends = 1;
    return count;
}

/* What a product's end may do on the way: `relu` 1 is ReLU */
#define UP_TO_SIX 2 /* ReLU6 */

/* Where the terms of a tile's rows lie: rows anywhere and terms side by side; rows side by side; neither */
enum layout { TERMS_ADJACENT, ROWS_ADJACENT, SCATTERED, LAYOUTS };

typedef struct {
    const float *const *a; /* one pointer a row */
    float *const *c;
    const float *b;
    idx b_step; /* between rows of B */
    const run *runs;
    idx run_count, a_step; /* between terms of a row of A */
    int is_begun;          /* C holds the sum of earlier parts */
    int is_last;           /* the chain ends here: then come bias and ReLU */
    const float *bias;     /* as wide as the tile, or null */
    int relu;
    idx valid; /* columns to be stored */
} tile;

typedef void (*tile_kernel)(const tile *);
extern const tile_kernel TILE_KERNELS[LAYOUTS][WIDEST + 1][MOST_ROWS + 1];
extern const int TILE_ROWS[WIDEST + 1];

/* A whole product. Row m = (i0 * d1 + i1) * d2 + i2 of A starts at a + i0 * a0 + i1 * a1 + i2 * a2; of C likewise. */
typedef struct {
    enum layout layout;
    idx rows, d1, d2;
    const float *a;
    idx a0, a1, a2, a_step;
    float *c;
    idx c0, c1, c2;
    const run *runs;
    idx run_count;
    const float *b;
    idx terms, b_step; /* b_step 0: packed in panels of `terms` rows; else rows of B, b_step apart */
    float *copy;       /* room for a panel of unpacked B, or null: then it is read where it lies */
    idx columns, stored;
    const float *bias; /* padded to whole vectors, or null */
    int is_begun;      /* C holds the sum of earlier parts */
    int relu;
} product;
void multiply(const product *p);

/* Scratch memory of the running thread. `reserve` starts anew; `take` gives 64-byte aligned parts of it. */
void reserve(idx floats);
float *take(idx floats);
/* Floats that n things of a type take, with the line that `take` adds */
#define FLOATS(n, type) ((n) * (idx)(sizeof(type) / sizeof(float)) + 64)

/* Panels: columns cut into groups of at most WIDEST vectors, each packed by itself, term by term. */
INLINE idx panel_count(idx columns) { return blocks_of(blocks_of(columns, L), WIDEST); }
INLINE void panel(idx columns, idx p, idx *first, idx *width)
{
    const idx vectors = blocks_of(columns, L), panels = panel_count(columns), v = vectors * p / panels;
    *first = v * L;
    *width = (vectors * (p + 1) / panels - v) * L;
}
/* w[n][c][tap], n < columns, into panels [tap][c][n]; ld: distance between rows of w */
void pack_transposed(const float *w, idx columns, idx channels, idx taps, float *to);
/* w[o][c][tap], c < columns, into panels [tap in list][o][c] */
void pack_taps(const float *w, idx outputs, idx columns, idx taps, const idx *list, idx listed, float *to);
/* sums[tap][c][padded o] back into w[o][c][tap] */
void unpack_taps(const float *sums, idx outputs, idx channels, idx taps, float *w);
/* [rows][columns] → [columns][rows], `row_step` and `to_step` apart */
void transpose(const float *from, idx row_step, idx rows, idx columns, float *to, idx to_step, const idx *to_offsets);

#endif
