/* Depthwise convolutions: one channel a group. Lanes run across channels, and each keeps its own chain. */
#include "product.h"
#include "segments.h"

#define PIXELS 4 /* neighbours that are computed together, and the vectors of channels */
#define VECTORS 2
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

/* A pair of segments and what their pixels read and write. from: [height, width, C], to: [.., to_width, C] */
typedef struct {
    const segment *h, *w;
    idx channels, width, to_width, packed_width;
    const float *from, *packed, *bias;
    const idx *taps;
    int relu;
    float *to;
} pixels;

INLINE vf ended(vf value, const float *bias, int relu, idx count)
{
    if (bias) value = ADD(value, load_some(bias, count));
    if (relu) value = RELU(value);
    return relu == UP_TO_SIX ? UP_TO(6.f, value) : value;
}

/* A few pixels, x_step apart, of a few whole vectors of channels: each weight is read once for all of them. */
INLINE void multiply_block(const pixels *p, const float *x, idx x_step, float *y, idx y_step, idx c, const int many,
                           const int vectors)
{
    vf acc[PIXELS][VECTORS];
    for (int i = 0; i < many; i++) for (int v = 0; v < vectors; v++) acc[i][v] = SPLAT(0.f);
    for (idx a = 0; a < (p->w->taps ? p->h->taps : 0); a++) {
        const idx *taps = p->taps + (p->h->tap + a) * p->packed_width + p->w->tap;
        const float *row = x + a * p->h->tap_step * p->width * p->channels + c;
        for (idx b = 0; b < p->w->taps; b++, row += p->w->tap_step * p->channels) {
            const float *weights = p->packed + taps[b] * p->channels + c;
            UNROLL for (int v = 0; v < vectors; v++) {
                const vf weight = LOAD(weights + v * L);
                UNROLL for (int i = 0; i < many; i++) acc[i][v] = FMA(LOAD(row + i * x_step + v * L), weight, acc[i][v]);
            }
        }
    }
    const float *bias = p->bias ? p->bias + c : 0;
    for (int i = 0; i < many; i++) {
        for (int v = 0; v < vectors; v++) {
            STORE(y + i * y_step + c + v * L, ended(acc[i][v], bias ? bias + v * L : 0, p->relu, L));
        }
    }
}

/* Up to WIDTH vectors of channels of one pixel, whatever their number and that of the taps. */
static void multiply_pixel(const pixels *p, const float *x, float *y, idx c, idx count)
{
    vf acc[WIDTH], sum[WIDTH];
    idx terms = 0;
    UNROLL for (int v = 0; v < WIDTH; v++) acc[v] = SPLAT(0.f);
    for (idx a = 0; a < (p->w->taps ? p->h->taps : 0); a++) {
        for (idx b = 0; b < p->w->taps; b++) {
            const idx tap = p->taps[(p->h->tap + a) * p->packed_width + p->w->tap + b];
            if (terms && terms % PART_TERMS == 0) end_part(acc, sum, terms == PART_TERMS);
            terms++;
            multiply_channels(acc, x + (a * p->h->tap_step * p->width + b * p->w->tap_step) * p->channels + c,
                              p->packed + tap * p->channels + c, count);
        }
    }
    if (terms > PART_TERMS) end_part(acc, sum, 0);
    const vf *done = terms > PART_TERMS ? sum : acc;
    for (int v = 0; v < WIDTH && v * L < count; v++) {
        const idx some = count - v * L;
        store_some(y + c + v * L, ended(done[v], p->bias ? p->bias + c + v * L : 0, p->relu, some), some);
    }
}

/* `many` pixels side by side, through all channels */
INLINE void multiply_neighbours(const pixels *p, const float *x, idx x_step, float *y, idx y_step, const int many)
{
    idx c = 0;
    for (; c + VECTORS * L <= p->channels; c += VECTORS * L) multiply_block(p, x, x_step, y, y_step, c, many, VECTORS);
    for (; c + L <= p->channels; c += L) multiply_block(p, x, x_step, y, y_step, c, many, 1);
    for (int i = 0; c < p->channels && i < many; i++) {
        multiply_pixel(p, x + i * x_step, y + i * y_step, c, p->channels - c);
    }
}

/* The pixels of a pair of segments, all of which see the same taps. */
static void multiply_pixels(const pixels *p)
{
    const segment *h = p->h, *w = p->w;
    const idx x_step = w->pixel_step * p->channels, y_step = w->step * p->channels;
    const int is_long = h->taps * w->taps > PART_TERMS;
    for (idx i = 0; i < h->count; i++) {
        const float *x = p->from + ((h->meets + i * h->pixel_step) * p->width + w->meets) * p->channels;
        float *y = p->to + ((h->first + i * h->step) * p->to_width + w->first) * p->channels;
        idx j = 0;
        for (; !is_long && j + PIXELS <= w->count; j += PIXELS) {
            multiply_neighbours(p, x + j * x_step, x_step, y + j * y_step, y_step, PIXELS);
        }
        for (; !is_long && j < w->count; j++) multiply_neighbours(p, x + j * x_step, x_step, y + j * y_step, y_step, 1);
        for (; j < w->count; j++) {
            for (idx c = 0; c < p->channels; c += WIDTH * L) {
                multiply_pixel(p, x + j * x_step, y + j * y_step, c, least(WIDTH * L, p->channels - c));
            }
        }
    }
}

/* A kernel of one pixel over few channels: images are one long row in which the weights come again and again. */
static void multiply_single_taps(const float *x, idx n, idx channels, const float *packed, const float *bias, int relu, float *y)
{
    float weights[L * L], biases[L * L];
    for (idx i = 0; i < channels * L; i++) {
        weights[i] = packed[i % channels];
        biases[i] = bias ? bias[i % channels] : 0;
    }
    for (idx first = 0; first < n; first += channels * L) {
        for (idx i = 0; i < channels * L && first + i < n; i += L) {
            const idx some = n - first - i;
            const vf made = FMA(load_some(x + first + i, some), LOAD(weights + i), SPLAT(0.f));
            store_some(y + first + i, ended(made, bias ? biases + i : 0, relu, L), some);
        }
    }
}

void depthwise_forward(const convolution *d, idx rows, const float *x, const float *packed, const float *bias, int relu, float *y)
{
    const side sh = height_of(d), sw = width_of(d);
    const idx taps = d->kernel_h * d->kernel_w, image = d->height * d->width, made = d->out_height * d->out_width;
    if (taps == 1 && d->in < L && made == image && d->stride_h == 1 && d->stride_w == 1 && !d->pad_h && !d->pad_w) {
        multiply_single_taps(x, rows * image * d->in, d->in, packed, bias, relu, y);
        return;
    }
    reserve(FLOATS(d->out_height + d->out_width, segment) + FLOATS(taps, idx) + 256);
    segment *h = (segment *)take(FLOATS(d->out_height, segment)), *w = (segment *)take(FLOATS(d->out_width, segment));
    idx *order = (idx *)take(FLOATS(taps, idx));
    for (idx t = 0; t < taps; t++) order[t] = t;
    const idx nh = forward_segments(&sh, h), nw = forward_segments(&sw, w);
    for (idx n = 0; n < rows; n++) {
        for (idx i = 0; i < nh; i++) {
            for (idx j = 0; j < nw; j++) {
                multiply_pixels(&(pixels){.h = h + i, .w = w + j, .channels = d->in, .width = d->width,
                                          .to_width = d->out_width, .packed_width = d->kernel_w,
                                          .from = x + n * image * d->in, .packed = packed, .bias = bias,
                                          .taps = order, .relu = relu, .to = y + n * made * d->in});
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
                    multiply_pixels(&(pixels){.h = h + i, .w = w + j, .channels = d->in, .width = d->out_width,
                                              .to_width = d->width, .packed_width = taps_w,
                                              .from = gy + n * d->out_height * d->out_width * d->in,
                                              .packed = packed, .taps = order,
                                              .to = gx + n * d->height * d->width * d->in});
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
