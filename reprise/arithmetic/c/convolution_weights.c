/* Convolutions: the gradients by the weights and the bias.
 *
 * The output rows (image, height) of a slice, in order, are cut into groups of at least PART_TERMS pixels. Each
 * group is a part of a weight's chain; groups without a pixel that the tap uses are left out.
 */
#include "product.h"
#include "segments.h"

/* Output rows first … last - 1 that a segment of taps uses, as runs of pixels; a part ends with each group. */
static idx runs_of_rows(const convolution *d, const segment *h, const segment *w, idx first, idx last, idx group, run *runs)
{
    idx n = 0;
    for (idx r = first; r < last && h->taps && w->taps; r++) {
        const idx image = r / d->out_height, o = r % d->out_height - h->tap;
        if (n && (r - first) % group == 0) runs[n - 1].ends = 1;
        if (o < 0 || o >= h->taps) continue;
        const idx a = ((image * d->height + o * d->stride_h) * d->width) * d->in;
        runs[n++] = (run){a, r * d->out_width + w->tap, w->taps, 0};
    }
    if (n) runs[n - 1].ends = 1;
    return n;
}

/* Some groups' share of the gradient by the taps of a pair of segments, into sums[tap][in][padded out]. */
static void multiply_taps(const convolution *d, const segment *h, const segment *w, const float *x, product *p, float *sums)
{
    const idx in = d->in / d->groups, padded = round_up(p->columns, L);
    const int adjacent = d->groups == 1 && d->dilation_w == 1; /* taps along the width read side by side */
    p->a = x + (h->taps && w->taps ? (h->meets * d->width + w->meets) * d->in : 0);
    p->a_step = d->stride_w * d->in;
    p->c = sums + (h->first * d->kernel_w + w->first) * in * padded;
    p->rows = h->count * w->count * in;
    p->c2 = padded;
    p->a2 = 1;
    p->a0 = d->dilation_h * d->width * d->in;
    p->c0 = d->kernel_w * in * padded;
    if (adjacent) {
        p->d1 = 1;
        p->d2 = w->count * in;
    } else {
        p->d1 = w->count;
        p->d2 = in;
        p->a1 = d->dilation_w * d->in;
        p->c1 = in * padded;
    }
    p->layout = p->d2 >= 8 ? ROWS_ADJACENT : SCATTERED;
    multiply(p);
}

void convolution_weight_gradient(const convolution *d, idx rows, const float *gy, const float *x, float *gw, float *gb)
{
    if (gb) column_sums(gy, rows * d->out_height * d->out_width, d->out, gb);
    if (is_depthwise(d)) {
        depthwise_weight_gradient(d, rows, gy, x, gw);
        return;
    }
    const side sh = height_of(d), sw = width_of(d);
    const idx in = d->in / d->groups, out = d->out / d->groups, taps = d->kernel_h * d->kernel_w;
    const idx padded = round_up(out, L), all = rows * d->out_height;
    const idx group = blocks_of(PART_TERMS, d->out_width), at_once = PASS_PARTS * group; /* output rows */
    const int copying = out % L || out > WIDEST * L || d->groups > 1;
    const idx copied = copying ? at_once * d->out_width * WIDEST * L : 0, sides = d->kernel_h + d->kernel_w;
    reserve(taps * in * padded + copied + FLOATS(at_once, run) + FLOATS(sides, segment) + FLOATS(taps, idx) + 512);
    float *sums = take(taps * in * padded), *copy = copying ? take(copied) : 0;
    run *runs = (run *)take(FLOATS(at_once, run));
    segment *h = (segment *)take(FLOATS(d->kernel_h, segment)), *w = (segment *)take(FLOATS(d->kernel_w, segment));
    idx *is_begun = (idx *)take(FLOATS(taps, idx));
    const idx nh = weight_segments(&sh, h), nw = weight_segments(&sw, w);
    for (idx g = 0; g < d->groups; g++) {
        memset(sums, 0, (size_t)(taps * in * padded) * sizeof(float));
        memset(is_begun, 0, (size_t)taps * sizeof(idx));
        for (idx first = 0; first < all; first += at_once) {
            for (idx s = 0; s < nh * nw; s++) {
                const segment *down = h + s / nw, *across = w + s % nw;
                product p = {.runs = runs, .b = gy + g * out, .b_step = d->out, .copy = copy, .columns = out,
                             .stored = padded, .is_begun = (int)is_begun[s]};
                p.run_count = runs_of_rows(d, down, across, first, least(all, first + at_once), group, runs);
                if (p.run_count == 0) continue;
                multiply_taps(d, down, across, x + g * in, &p, sums);
                is_begun[s] = 1;
            }
        }
        unpack_taps(sums, out, in, taps, gw + g * out * in * taps);
    }
}
