/* The chains of docs/arithmetic.md for linear layers and convolutions, one scalar at a time. */
#include <stddef.h>
typedef ptrdiff_t idx;
typedef struct { idx in, out; } linear;
typedef struct {
    idx height, width, in, out_height, out_width, out;
    idx kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
} convolution;
typedef struct { idx pairs, height, inner, width, transposed; } matrix_pairs;
#define EXPORT __attribute__((visibility("default")))
#define FMA __builtin_fmaf
#define PART 128

/* A chain that is cut after every PART terms; its parts are added in order. */
typedef struct { float part, sum; idx terms; } chain;
static void term(chain *c, float a, float b)
{
    if (c->terms && c->terms % PART == 0) {
        c->sum = c->terms == PART ? c->part : c->sum + c->part;
        c->part = 0;
    }
    c->part = FMA(a, b, c->part);
    c->terms++;
}
static float end(const chain *c) { return c->terms <= PART ? c->part : c->sum + c->part; }

static float relu_of(float s, int relu) { return relu && s <= 0 ? 0 : relu == 2 && s >= 6 ? 6 : s; }

EXPORT void ref_linear_forward(const linear *d, idx rows, const float *x, const float *w, const float *b, int relu, float *y)
{
    for (idx m = 0; m < rows; m++) for (idx o = 0; o < d->out; o++) {
        chain k = {0};
        for (idx i = 0; i < d->in; i++) term(&k, x[m * d->in + i], w[o * d->in + i]);
        float s = end(&k);
        if (b) s += b[o];
        y[m * d->out + o] = relu_of(s, relu);
    }
}

EXPORT void ref_linear_input_gradient(const linear *d, idx rows, const float *gy, const float *w, float *gx)
{
    for (idx m = 0; m < rows; m++) for (idx i = 0; i < d->in; i++) {
        chain k = {0};
        for (idx o = 0; o < d->out; o++) term(&k, gy[m * d->out + o], w[o * d->in + i]);
        gx[m * d->in + i] = end(&k);
    }
}

EXPORT void ref_linear_weight_gradient(const linear *d, idx rows, const float *gy, const float *x, float *gw, float *gb)
{
    for (idx o = 0; o < d->out; o++) {
        for (idx i = 0; i < d->in; i++) {
            chain k = {0};
            for (idx m = 0; m < rows; m++) term(&k, gy[m * d->out + o], x[m * d->in + i]);
            gw[o * d->in + i] = end(&k);
        }
        double s = 0;
        for (idx m = 0; m < rows; m++) s += (double)gy[m * d->out + o];
        if (gb) gb[o] = (float)s;
    }
}

#define X(n, h, v, c) x[((n * d->height + h) * d->width + v) * d->in + c]
#define GY(n, i, j, o) gy[((n * d->out_height + i) * d->out_width + j) * d->out + o]
#define W(o, c, a, b) w[((o * per_group + c) * d->kernel_h + a) * d->kernel_w + b]

EXPORT void ref_convolution_forward(const convolution *d, idx rows, const float *x, const float *w, const float *b, int relu, float *y)
{
    const idx per_group = d->in / d->groups, outs = d->out / d->groups;
    for (idx n = 0; n < rows; n++) for (idx i = 0; i < d->out_height; i++) for (idx j = 0; j < d->out_width; j++)
    for (idx o = 0; o < d->out; o++) {
        chain k = {0};
        for (idx kh = 0; kh < d->kernel_h; kh++) for (idx kw = 0; kw < d->kernel_w; kw++) {
            const idx h = i * d->stride_h + kh * d->dilation_h - d->pad_h, v = j * d->stride_w + kw * d->dilation_w - d->pad_w;
            if (h < 0 || h >= d->height || v < 0 || v >= d->width) continue;
            for (idx c = 0; c < per_group; c++) term(&k, X(n, h, v, o / outs * per_group + c), W(o, c, kh, kw));
        }
        float s = end(&k);
        if (b) s += b[o];
        y[((n * d->out_height + i) * d->out_width + j) * d->out + o] = relu_of(s, relu);
    }
}

EXPORT void ref_convolution_input_gradient(const convolution *d, idx rows, const float *gy, const float *w, float *gx)
{
    const idx per_group = d->in / d->groups, outs = d->out / d->groups;
    for (idx n = 0; n < rows; n++) for (idx h = 0; h < d->height; h++) for (idx v = 0; v < d->width; v++)
    for (idx c = 0; c < d->in; c++) {
        chain k = {0};
        for (idx kh = d->kernel_h - 1; kh >= 0; kh--) for (idx kw = d->kernel_w - 1; kw >= 0; kw--) {
            const idx a = h + d->pad_h - kh * d->dilation_h, b = v + d->pad_w - kw * d->dilation_w;
            if (a < 0 || b < 0 || a % d->stride_h || b % d->stride_w) continue;
            const idx i = a / d->stride_h, j = b / d->stride_w;
            if (i >= d->out_height || j >= d->out_width) continue;
            for (idx o = c / per_group * outs; o < (c / per_group + 1) * outs; o++) term(&k, GY(n, i, j, o), W(o, c % per_group, kh, kw));
        }
        gx[((n * d->height + h) * d->width + v) * d->in + c] = end(&k);
    }
}

EXPORT void ref_convolution_weight_gradient(const convolution *d, idx rows, const float *gy, const float *x, float *gw, float *gb)
{
    const idx per_group = d->in / d->groups, outs = d->out / d->groups;
    const idx group_rows = (PART + d->out_width - 1) / d->out_width, all = rows * d->out_height;
    for (idx o = 0; o < d->out; o++) {
        for (idx c = 0; c < per_group; c++) for (idx kh = 0; kh < d->kernel_h; kh++) for (idx kw = 0; kw < d->kernel_w; kw++) {
            float sum = 0;
            idx parts = 0;
            for (idx first = 0; first < all; first += group_rows) {
                float s = 0;
                idx terms = 0;
                for (idx r = first; r < all && r < first + group_rows; r++) for (idx j = 0; j < d->out_width; j++) {
                    const idx n = r / d->out_height, i = r % d->out_height;
                    const idx h = i * d->stride_h + kh * d->dilation_h - d->pad_h, v = j * d->stride_w + kw * d->dilation_w - d->pad_w;
                    if (h < 0 || h >= d->height || v < 0 || v >= d->width) continue;
                    s = FMA(X(n, h, v, o / outs * per_group + c), GY(n, i, j, o), s);
                    terms++;
                }
                if (terms) sum = parts++ ? sum + s : s; /* a group without a term is left out */
            }
            gw[((o * per_group + c) * d->kernel_h + kh) * d->kernel_w + kw] = sum;
        }
        double s = 0;
        for (idx m = 0; m < all * d->out_width; m++) s += (double)gy[m * d->out + o];
        if (gb) gb[o] = (float)s;
    }
}

#define B(p, k, j) b[(p * d->inner + k) * d->width + j]
#define BT(p, k, j) b[(p * d->width + j) * d->inner + k]

EXPORT void ref_matrices(const matrix_pairs *d, idx rows, const float *a, const float *b, const float *gy, float *y, float *ga, float *gb)
{
    const idx m = d->height, k = d->inner, n = d->width;
    for (idx p = 0; p < rows * d->pairs; p++) {
        for (idx i = 0; i < m; i++) for (idx j = 0; j < n; j++) {
            chain c = {0};
            for (idx l = 0; l < k; l++) term(&c, a[(p * m + i) * k + l], d->transposed ? BT(p, l, j) : B(p, l, j));
            y[(p * m + i) * n + j] = end(&c);
        }
        for (idx i = 0; i < m; i++) for (idx l = 0; l < k; l++) {
            chain c = {0};
            for (idx j = 0; j < n; j++) term(&c, gy[(p * m + i) * n + j], d->transposed ? BT(p, l, j) : B(p, l, j));
            ga[(p * m + i) * k + l] = end(&c);
        }
        for (idx l = 0; l < k; l++) for (idx j = 0; j < n; j++) {
            chain c = {0};
            for (idx i = 0; i < m; i++) term(&c, a[(p * m + i) * k + l], gy[(p * m + i) * n + j]);
            gb[p * k * n + (d->transposed ? j * k + l : l * n + j)] = end(&c);
        }
    }
}
