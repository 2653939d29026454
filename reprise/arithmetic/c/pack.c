/* Copies of weights in the order in which the microkernel reads them, and what else is moved or summed by columns. */
#include "layers.h"
#include "product.h"

typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
#define SHUFFLE __builtin_shufflevector

/* An 8 × 8 block in registers: pairs, then quarters, then halves change places. */
INLINE void transpose_8(v8 r[8])
{
    v8 a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = SHUFFLE(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        a[i + 1] = SHUFFLE(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int i = 0; i < 8; i += 4) {
        for (int h = 0; h < 2; h++) {
            b[i + h] = SHUFFLE(a[i + h], a[i + h + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            b[i + h + 2] = SHUFFLE(a[i + h], a[i + h + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    }
    for (int i = 0; i < 4; i++) {
        r[i] = SHUFFLE(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        r[i + 4] = SHUFFLE(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

void transpose(const float *from, idx row_step, idx rows, idx columns, float *to, idx to_step, const idx *to_offsets)
{
    idx r = 0;
    for (; r + 8 <= rows; r += 8) {
        idx c = 0;
        for (; c + 8 <= columns; c += 8) {
            v8 x[8];
            for (int i = 0; i < 8; i++) x[i] = *(const v8 *)(from + (r + i) * row_step + c);
            transpose_8(x);
            for (int i = 0; i < 8; i++) *(v8 *)(to + (to_offsets ? to_offsets[c + i] : (c + i) * to_step) + r) = x[i];
        }
        for (; c < columns; c++) {
            float *out = to + (to_offsets ? to_offsets[c] : c * to_step) + r;
            for (int i = 0; i < 8; i++) out[i] = from[(r + i) * row_step + c];
        }
    }
    for (; r < rows; r++) {
        for (idx c = 0; c < columns; c++) to[(to_offsets ? to_offsets[c] : c * to_step) + r] = from[r * row_step + c];
    }
}

void pack_transposed(const float *w, idx columns, idx channels, idx taps, float *to)
{
    const idx terms = channels * taps;
    for (idx p = 0; p < panel_count(columns); p++) {
        idx first, width;
        panel(columns, p, &first, &width);
        const idx have = least(width, columns - first);
        float *out = to + first * terms;
        if (have < width) memset(out, 0, (size_t)(terms * width) * sizeof(float));
        if (taps == 1) {
            transpose(w + first * terms, terms, have, terms, out, width, 0);
            continue;
        }
        idx offsets[64]; /* of 64 terms at a time: term c * taps + tap goes to row tap * channels + c */
        for (idx k = 0; k < terms; k += 64) {
            const idx some = least(64, terms - k);
            for (idx i = 0; i < some; i++) offsets[i] = ((k + i) % taps * channels + (k + i) / taps) * width;
            transpose(w + first * terms + k, terms, have, some, out, 0, offsets);
        }
    }
}

/* One row of a panel for each listed tap, from w[c][tap]; 8 channels at a time where a row holds 8 to 15 taps. */
static void pack_row(const float *w, idx channels, idx taps, const idx *list, idx listed, float *to, idx tap_step)
{
    idx c = 0;
    for (; taps >= 8 && taps < 16 && c + 8 <= channels; c += 8) {
        v8 x[8];
        for (int i = 0; i < 8; i++) x[i] = *(const v8 *)(w + (c + i) * taps);
        transpose_8(x);
        for (idx l = 0; l < listed; l++) {
            float *out = to + l * tap_step + c;
            if (list[l] < 8) *(v8 *)out = x[list[l]];
            else for (int i = 0; i < 8; i++) out[i] = w[(c + i) * taps + list[l]];
        }
    }
    for (; c < channels; c++) {
        for (idx l = 0; l < listed; l++) to[l * tap_step + c] = w[c * taps + list[l]];
    }
}

void pack_taps(const float *w, idx outputs, idx columns, idx taps, const idx *list, idx listed, float *to)
{
    for (idx p = 0; p < panel_count(columns); p++) {
        idx first, width;
        panel(columns, p, &first, &width);
        const idx have = least(width, columns - first);
        float *out = to + first * listed * outputs;
        if (have < width) memset(out, 0, (size_t)(listed * outputs * width) * sizeof(float));
        for (idx o = 0; o < outputs; o++) {
            const float *row = w + (o * columns + first) * taps;
            if (taps == 1) memcpy(out + o * width, row, (size_t)have * sizeof(float));
            else pack_row(row, have, taps, list, listed, out + o * width, outputs * width);
        }
    }
}

void unpack_taps(const float *sums, idx outputs, idx channels, idx taps, float *w)
{
    const idx padded = round_up(outputs, L), terms = channels * taps;
    for (idx o = 0; o < outputs; o += 8) {
        const idx some = least(8, outputs - o);
        for (idx k = 0; k < terms; k += 8) { /* terms in torch's order: channel by channel, its taps */
            v8 x[8];
            const idx have = least(8, terms - k);
            if (some == 8 && have == 8) {
                for (idx i = 0; i < 8; i++) x[i] = *(const v8 *)(sums + ((k + i) % taps * channels + (k + i) / taps) * padded + o);
                transpose_8(x);
                for (idx i = 0; i < 8; i++) *(v8 *)(w + (o + i) * terms + k) = x[i];
                continue;
            }
            for (idx i = 0; i < have; i++) {
                const float *from = sums + ((k + i) % taps * channels + (k + i) / taps) * padded + o;
                for (idx j = 0; j < some; j++) w[(o + j) * terms + k + i] = from[j];
            }
        }
    }
}

#define SUMMED 32 /* columns whose sums are kept in registers */

void column_sums(const float *x, idx m, idx columns, float *sums)
{
    for (idx c = 0; c < columns; c += SUMMED) {
        double sum[SUMMED] = {0};
        const idx some = least(SUMMED, columns - c);
        if (some == SUMMED) {
            for (idx i = 0; i < m; i++) {
                for (int j = 0; j < SUMMED; j++) sum[j] += (double)x[i * columns + c + j];
            }
        } else {
            for (idx i = 0; i < m; i++) {
                for (idx j = 0; j < some; j++) sum[j] += (double)x[i * columns + c + j];
            }
        }
        for (idx j = 0; j < some; j++) sums[c + j] = (float)sum[j];
    }
}
