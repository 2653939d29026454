/* Convolutions: packing, the forward pass and the gradient by the input, which is the same code on other segments. */
#include "product.h"
#include "segments.h"

#define GROUP_BYTES (320 << 10) /* of images that go through all taps before the next ones: they stay in the cache */

/* Runs that a chain of all taps takes, at most: each tap's own, and one for each cut. */
static idx runs_of(idx taps, idx channels) { return taps + taps * channels / PART_TERMS + 2; }

static idx images_at_once(idx floats, idx rows)
{
    const idx most_rows = most(1, least(rows, GROUP_BYTES / (floats * (idx)sizeof(float))));
    return blocks_of(rows, blocks_of(rows, most_rows));
}

/* What one call works on: images of `in` channels read in runs of `some` of them, `images` at a time, written to
 * images of `out` channels. */
typedef struct {
    const float *from;
    float *to;
    idx images, height, width, in, some, to_height, to_width, out;
    idx packed_width; /* taps along the width in the packed order */
    run *runs;
    product *p;
} share;

/* The pixels of a pair of segments: all see the same taps, so they are the rows of one product. */
static void multiply_segments(const share *s, const segment *h, const segment *w)
{
    const int adjacent = s->some == s->in && w->tap_step == 1; /* taps along the width read side by side */
    const idx rows_of_taps = w->taps ? h->taps : 0;
    idx n = 0, filled = 0;
    for (idx i = 0; i < rows_of_taps; i++) {
        for (idx j = 0; j < (adjacent ? 1 : w->taps); j++) {
            const idx a = (i * h->tap_step * s->width + j * w->tap_step) * s->in;
            const idx b = ((h->tap + i) * s->packed_width + w->tap + j) * s->some;
            n = append_run(s->runs, n, a, 1, b, adjacent ? w->taps * s->some : s->some, &filled);
        }
    }
    n = end_runs(s->runs, n);
    product *p = s->p;
    p->layout = TERMS_ADJACENT;
    p->a_step = 1;
    p->runs = s->runs;
    p->run_count = n;
    p->rows = s->images * h->count * w->count;
    p->d1 = h->count;
    p->d2 = w->count;
    p->a = s->from + (rows_of_taps ? (h->meets * s->width + w->meets) * s->in : 0);
    p->a0 = s->height * s->width * s->in;
    p->a1 = h->pixel_step * s->width * s->in;
    p->a2 = w->pixel_step * s->in;
    p->c = s->to + (h->first * s->to_width + w->first) * s->out;
    p->c0 = s->to_height * s->to_width * s->out;
    p->c1 = h->step * s->to_width * s->out;
    p->c2 = w->step * s->out;
    multiply(p);
}

static idx packed_of_group(const convolution *d, int for_gradient)
{
    const idx in = d->in / d->groups, out = d->out / d->groups, taps = d->kernel_h * d->kernel_w;
    return for_gradient ? taps * out * round_up(in, L) : taps * in * round_up(out, L);
}

idx convolution_packed(const convolution *d, int for_gradient)
{
    return is_depthwise(d) ? d->kernel_h * d->kernel_w * d->out : d->groups * packed_of_group(d, for_gradient);
}

/* The taps that input pixels of a pair of residues see, largest first, as the packed order has them. */
static idx taps_of_residues(const convolution *d, idx rh, idx rw, idx *list)
{
    const side sh = height_of(d), sw = width_of(d);
    idx top_h, top_w, every_h, every_w, taps_h, taps_w, n = 0;
    segment none[1];
    side one_h = sh, one_w = sw; /* no pixels: only the taps are wanted */
    one_h.in = one_w.in = 0;
    gradient_segments(&one_h, rh, none, &top_h, &every_h, &taps_h);
    gradient_segments(&one_w, rw, none, &top_w, &every_w, &taps_w);
    for (idx i = 0; i < taps_h; i++) {
        for (idx j = 0; j < taps_w; j++) list[n++] = (top_h - i * every_h) * d->kernel_w + top_w - j * every_w;
    }
    return n;
}

void convolution_pack(const convolution *d, const float *w, int for_gradient, float *packed)
{
    const idx in = d->in / d->groups, out = d->out / d->groups, taps = d->kernel_h * d->kernel_w;
    if (is_depthwise(d)) {
        depthwise_pack(d, w, packed);
        return;
    }
    reserve(FLOATS(taps, idx));
    idx *list = (idx *)take(FLOATS(taps, idx));
    for (idx g = 0; g < d->groups; g++, w += out * in * taps) {
        if (!for_gradient) {
            pack_transposed(w, out, in, taps, packed);
            packed += packed_of_group(d, 0);
            continue;
        }
        for (idx r = 0; r < d->stride_h * d->stride_w; r++) {
            const idx listed = taps_of_residues(d, r / d->stride_w, r % d->stride_w, list);
            if (listed) pack_taps(w, out, in, taps, list, listed, packed);
            packed += listed * out * round_up(in, L);
        }
    }
}

void convolution_forward(const convolution *d, idx rows, const float *x, const float *packed, const float *bias, int relu, float *y)
{
    if (is_depthwise(d)) {
        depthwise_forward(d, rows, x, packed, bias, relu, y);
        return;
    }
    const side sh = height_of(d), sw = width_of(d);
    const idx in = d->in / d->groups, out = d->out / d->groups, padded = round_up(out, L);
    const idx image = d->height * d->width * d->in, at_once = images_at_once(image, rows);
    reserve(padded + FLOATS(d->out_height + d->out_width, segment) + FLOATS(runs_of(d->kernel_h * d->kernel_w, in), run) + 256);
    float *wide_bias = bias ? take(padded) : 0;
    segment *h = (segment *)take(FLOATS(d->out_height, segment)), *w = (segment *)take(FLOATS(d->out_width, segment));
    const idx nh = forward_segments(&sh, h), nw = forward_segments(&sw, w);
    product p = {.terms = d->kernel_h * d->kernel_w * in, .columns = out, .stored = out, .bias = wide_bias, .relu = relu};
    share s = {.height = d->height, .width = d->width, .in = d->in, .some = in, .to_height = d->out_height,
               .to_width = d->out_width, .out = d->out, .packed_width = d->kernel_w, .p = &p};
    s.runs = (run *)take(FLOATS(runs_of(d->kernel_h * d->kernel_w, in), run));
    for (idx g = 0; g < d->groups; g++) {
        p.b = packed + g * packed_of_group(d, 0);
        if (bias) {
            memset(wide_bias, 0, (size_t)padded * sizeof(float));
            memcpy(wide_bias, bias + g * out, (size_t)out * sizeof(float));
        }
        for (idx n = 0; n < rows; n += at_once) {
            s.images = least(at_once, rows - n);
            s.from = x + n * image + g * in;
            s.to = y + n * d->out_height * d->out_width * d->out + g * out;
            for (idx i = 0; i < nh; i++) for (idx j = 0; j < nw; j++) multiply_segments(&s, h + i, w + j);
        }
    }
}

void convolution_input_gradient(const convolution *d, idx rows, const float *gy, const float *packed, float *gx)
{
    if (is_depthwise(d)) {
        depthwise_input_gradient(d, rows, gy, packed, gx);
        return;
    }
    const side sh = height_of(d), sw = width_of(d);
    const idx in = d->in / d->groups, out = d->out / d->groups, taps = d->kernel_h * d->kernel_w;
    const idx image = d->out_height * d->out_width * d->out, at_once = images_at_once(image, rows);
    reserve(FLOATS(d->height + d->width + 2, segment) + FLOATS(runs_of(taps, out), run) + 256);
    segment *h = (segment *)take(FLOATS(d->height + 1, segment)), *w = (segment *)take(FLOATS(d->width + 1, segment));
    product p = {.columns = in, .stored = in};
    share s = {.height = d->out_height, .width = d->out_width, .in = d->out, .some = out, .to_height = d->height,
               .to_width = d->width, .out = d->in, .p = &p};
    s.runs = (run *)take(FLOATS(runs_of(taps, out), run));
    for (idx g = 0; g < d->groups; g++) {
        for (idx r = 0; r < d->stride_h * d->stride_w; r++) {
            idx top, every, taps_h, taps_w;
            const idx nh = gradient_segments(&sh, r / d->stride_w, h, &top, &every, &taps_h);
            const idx nw = gradient_segments(&sw, r % d->stride_w, w, &top, &every, &taps_w);
            p.b = packed;
            p.terms = taps_h * taps_w * out;
            packed += taps_h * taps_w * out * round_up(in, L);
            s.packed_width = taps_w;
            for (idx n = 0; n < rows; n += at_once) {
                s.images = least(at_once, rows - n);
                s.from = gy + n * image + g * out;
                s.to = gx + n * d->height * d->width * d->in + g * in;
                for (idx i = 0; i < nh; i++) for (idx j = 0; j < nw; j++) multiply_segments(&s, h + i, w + j);
            }
        }
    }
}
