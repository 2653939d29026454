/* Depthwise convolutions: one channel a group. Lanes run across channels, and each keeps its own chain. */
#include "product.h"
#include "segments.h"

#define WIDTH 4 /* vectors of channels side by side: enough chains to hide an addition's latency */

int is_depthwise(const convolution *d) { return d->groups > 1 && d->groups == d->in && d->in == d->out; }

/* w[channel][tap] → [tap][channel] */
void depthwise_pack(const convolution *d, const float *w, float *packed)
{
    const idx taps = d->kernel_h * d->kernel_w;
    transpose(w, taps, d->in, taps, packed, d->in, 0);
}

INLINE vf load_some(const float *p, idx count)
{
    if (count >= L) return LOAD(p);
    float lanes[L] = {0};
    memcpy(lanes, p, (size_t)count * sizeof(float));
    return LOAD(lanes);
}

INLINE void store_some(float *p, vf v, idx count)
{
    float lanes[L];
    if (count >= L) {
        STORE(p, v);
        return;
    }
    STORE(lanes, v);
    memcpy(p, lanes, (size_t)count * sizeof(float));
}

/* A term of up to WIDTH chains: acc += a · b for `count` channels. */
INLINE void multiply_channels(vf acc[WIDTH], const float *a, const float *b, idx count)
{
    if (count >= WIDTH * L) {
        UNROLL for (int v = 0; v < WIDTH; v++) acc[v] = FMA(LOAD(a + v * L), LOAD(b + v * L), acc[v]);
        return;
    }
    for (int v = 0; v < WIDTH && v * L < count; v++) {
        acc[v] = FMA(load_some(a + v * L, count - v * L), load_some(b + v * L, count - v * L), acc[v]);
    }
}

/* A part of the chains ends: the sum of parts takes it up, and the next one starts at +0. */
INLINE void end_part(vf acc[WIDTH], vf sum[WIDTH], int is_first)
{
    UNROLL for (int v = 0; v < WIDTH; v++) {
        sum[v] = is_first ? acc[v] : ADD(sum[v], acc[v]);
        acc[v] = SPLAT(0.f);
    }
}

/* The pixels of a pair of segments, all of which see the same taps. from: [height, width, C], to: [.., to_width, C] */
static void multiply_pixels(const segment *h, const segment *w, idx channels, const float *from, idx width,
                            const float *packed, const idx *taps, idx packed_width, const float *bias, int relu,
                            float *to, idx to_width)
{
    for (idx i = 0; i < h->count; i++) {
        for (idx j = 0; j < w->count; j++) {
            const float *x = from + ((h->meets + i * h->pixel_step) * width + w->meets + j * w->pixel_step) * channels;
            float *y = to + ((h->first + i * h->step) * to_width + w->first + j * w->step) * channels;
            for (idx c = 0; c < channels; c += WIDTH * L) {
                const idx count = least(WIDTH * L, channels - c);
                vf acc[WIDTH], sum[WIDTH];
                idx terms = 0;
                UNROLL for (int v = 0; v < WIDTH; v++) acc[v] = SPLAT(0.f);
                for (idx a = 0; a < (w->taps ? h->taps : 0); a++) {
                    for (idx b = 0; b < w->taps; b++) {
                        const idx tap = taps[(h->tap + a) * packed_width + w->tap + b];
                        if (terms && terms % PART_TERMS == 0) end_part(acc, sum, terms == PART_TERMS);
                        terms++;
                        multiply_channels(acc, x + (a * h->tap_step * width + b * w->tap_step) * channels + c,
                                          packed + tap * channels + c, count);
                    }
                }
                if (terms > PART_TERMS) end_part(acc, sum, 0);
                const vf *done = terms > PART_TERMS ? sum : acc;
                for (int v = 0; v < WIDTH && v * L < count; v++) {
                    vf value = done[v];
                    if (bias) value = ADD(value, load_some(bias + c + v * L, count - v * L));
                    if (relu) value = RELU(value);
                    store_some(y + c + v * L, value, count - v * L);
                }
            }
        }
    }
}

void depthwise_forward(const convolution *d, idx rows, const float *x, const float *packed, const float *bias, int relu, float *y)
{
    const side sh = height_of(d), sw = width_of(d);
    const idx taps = d->kernel_h * d->kernel_w;
    reserve(FLOATS(d->out_height + d->out_width, segment) + FLOATS(taps, idx) + 256);
    segment *h = (segment *)take(FLOATS(d->out_height, segment)), *w = (segment *)take(FLOATS(d->out_width, segment));
    idx *order = (idx *)take(FLOATS(taps, idx));
    for (idx t = 0; t < taps; t++) order[t] = t;
    const idx nh = forward_segments(&sh, h), nw = forward_segments(&sw, w);
    for (idx n = 0; n < rows; n++) {
        for (idx i = 0; i < nh; i++) {
            for (idx j = 0; j < nw; j++) {
                multiply_pixels(h + i, w + j, d->in, x + n * d->height * d->width * d->in, d->width, packed, order,
                                d->kernel_w, bias, relu, y + n * d->out_height * d->out_width * d->in, d->out_width);
            }
        }
    }
}

void depthwise_input_gradient(const convolution *d, idx rows, const float *gy, const float *packed, float *gx)
{
    const side sh = height_of(d), sw = width_of(d);
    const idx taps = d->kernel_h * d->kernel_w;
    reserve(FLOATS(d->height + d->width + 2, segment) + FLOATS(taps, idx) + 256);
    segment *h = (segment *)take(FLOATS(d->height + 1, segment)), *w = (segment *)take(FLOATS(d->width + 1, segment));
    idx *order = (idx *)take(FLOATS(taps, idx));
    for (idx r = 0; r < d->stride_h * d->stride_w; r++) {
        idx top_h, top_w, every_h, every_w, taps_h, taps_w;
        const idx nh = gradient_segments(&sh, r / d->stride_w, h, &top_h, &every_h, &taps_h);
        const idx nw = gradient_segments(&sw, r % d->stride_w, w, &top_w, &every_w, &taps_w);
        for (idx i = 0; i < taps_h; i++) {
            for (idx j = 0; j < taps_w; j++) {
                order[i * taps_w + j] = (top_h - i * every_h) * d->kernel_w + top_w - j * every_w;
            }
        }
        for (idx n = 0; n < rows; n++) {
            for (idx i = 0; i < nh; i++) {
                for (idx j = 0; j < nw; j++) {
                    multiply_pixels(h + i, w + j, d->in, gy + n * d->out_height * d->out_width * d->in, d->out_width,
                                    packed, order, taps_w, 0, 0, gx + n * d->height * d->width * d->in, d->width);
                }
            }
        }
    }
}

/* The pixels of output rows first … last - 1 that use a tap, for up to WIDTH vectors of channels; returns their number. */
static idx chain(const convolution *d, const segment *h, const segment *w, idx first, idx last, const float *gy,
                  const float *x, idx count, vf acc[WIDTH])
{
    const idx c = d->in;
    idx terms = 0;
    for (idx r = first; r < last; r++) {
        const idx image = r / d->out_height, o = r % d->out_height - h->tap;
        if (o < 0 || o >= h->taps) continue;
        const float *from = x + ((image * d->height + h->meets + o * d->stride_h) * d->width + w->meets) * c;
        const float *g = gy + (r * d->out_width + w->tap) * c;
        for (idx k = 0; k < w->taps; k++) multiply_channels(acc, from + k * d->stride_w * c, g + k * c, count);
        terms += w->taps;
    }
    return terms;
}

void depthwise_weight_gradient(const convolution *d, idx rows, const float *gy, const float *x, float *gw)
{
    const idx taps = d->kernel_h * d->kernel_w, all = rows * d->out_height;
    const idx group = blocks_of(PART_TERMS, d->out_width);
    const side sh = height_of(d), sw = width_of(d);
    for (idx t = 0; t < taps; t++) {
        segment h[1], w[1];
        side one_h = sh, one_w = sw; /* a kernel of this tap alone: the padding moves instead */
        one_h.kernel = one_w.kernel = 1;
        one_h.pad -= t / d->kernel_w * d->dilation_h;
        one_w.pad -= t % d->kernel_w * d->dilation_w;
        weight_segments(&one_h, h);
        weight_segments(&one_w, w);
        for (idx c = 0; c < d->in; c += WIDTH * L) {
            const idx count = least(WIDTH * L, d->in - c);
            vf acc[WIDTH], sum[WIDTH];
            UNROLL for (int v = 0; v < WIDTH; v++) acc[v] = sum[v] = SPLAT(0.f);
            idx parts = 0;
            for (idx first = 0; first < all; first += group) {
                if (chain(d, h, w, first, least(all, first + group), gy + c, x + c, count, acc)) end_part(acc, sum, parts++ == 0);
            }
            float lanes[WIDTH * L];
            UNROLL for (int v = 0; v < WIDTH; v++) STORE(lanes + v * L, sum[v]);
            for (idx i = 0; i < count; i++) gw[(c + i) * taps + t] = lanes[i];
        }
    }
}
