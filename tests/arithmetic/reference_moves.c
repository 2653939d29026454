/* The rest of families.h as its definitions say it: pooling, random numbers, embedding, updates, rows. */
#include "families.h"
#include "special.h"

enum pooling { MAXIMUM, TO_MAXIMUM, AVERAGE, TO_TAPS };

/* One channel of one window; x and gx: its image, y and gy: its output */
static void pool(enum pooling what, const window *w, idx i, idx j, int count_padding, const float *x,
                 float *y, const float *gy, float *gx)
{
    idx inside = 0, padded = 0, place = -1;
    float best = -__builtin_inff();
    double sum = 0;
    for (int last = 0; last < 2; last++)
        for (idx a = 0; a < w->kernel_h; a++)
            for (idx b = 0; b < w->kernel_w; b++) {
                const idx h = i * w->stride_h + a - w->pad_h, v = j * w->stride_w + b - w->pad_w;
                const idx at = (h * w->width + v) * w->channels;
                if (!last && h < w->height + w->pad_h && v < w->width + w->pad_w) padded++;
                if (h < 0 || h >= w->height || v < 0 || v >= w->width) continue;
                if (last) {
                    if (what == TO_MAXIMUM && place == at) gx[at] += *gy;
                    if (what == TO_TAPS) gx[at] += *gy / (float)(count_padding ? padded : inside);
                    continue;
                }
                inside++;
                if (what != MAXIMUM && what != TO_MAXIMUM && what != AVERAGE) continue;
                sum += (double)x[at];
                if (place < 0) place = at;
                if (x[at] > best || (x[at] != x[at] && best == best)) best = x[at], place = at;
            }
    if (what == MAXIMUM) *y = best;
    if (what == AVERAGE) *y = (float)(sum / (double)(count_padding ? padded : inside));
}

static void pool_all(enum pooling what, const window *w, idx rows, int count_padding, const float *x,
                     float *y, const float *gy, float *gx)
{
    const idx in = w->height * w->width * w->channels, size = w->out_height * w->out_width * w->channels;
    for (idx i = 0; gx && i < rows * in; i++) gx[i] = 0;
    for (idx r = 0; r < rows; r++)
        for (idx o = 0; o < size; o++) {
            const idx c = o % w->channels, j = o / w->channels % w->out_width,
                      i = o / w->channels / w->out_width;
            pool(what, w, i, j, count_padding, x ? x + r * in + c : 0, y ? y + r * size + o : 0,
                 gy ? gy + r * size + o : 0, gx ? gx + r * in + c : 0);
        }
}

void max_pool_forward(const float *x, float *y, idx rows, const window *w)
{ pool_all(MAXIMUM, w, rows, 0, x, y, 0, 0); }
void max_pool_backward(const float *x, const float *gy, float *gx, idx rows, const window *w)
{
    pool_all(TO_MAXIMUM, w, rows, 0, x, 0, gy, gx);
}
void average_pool_forward(const float *x, float *y, idx rows, const window *w, int count_padding)
{
    pool_all(AVERAGE, w, rows, count_padding, x, y, 0, 0);
}
void average_pool_backward(const float *gy, float *gx, idx rows, const window *w, int count_padding)
{
    pool_all(TO_TAPS, w, rows, count_padding, 0, 0, gy, gx);
}

void global_average_forward(const float *x, float *y, idx rows, idx pixels, idx channels)
{
    for (idx r = 0; r < rows; r++)
        for (idx c = 0; c < channels; c++) {
            double sum = 0;
            for (idx p = 0; p < pixels; p++) sum += (double)x[(r * pixels + p) * channels + c];
            y[r * channels + c] = (float)(sum / (double)pixels);
        }
}

void global_average_backward(const float *gy, float *gx, idx rows, idx pixels, idx channels)
{
    for (idx i = 0; i < rows * pixels * channels; i++)
        gx[i] = gy[i / channels / pixels * channels + i % channels] / (float)pixels;
}

static uint32_t word(uint64_t key, uint32_t stream, uint64_t number)
{
    uint32_t x[4] = {(uint32_t)(number / 4), (uint32_t)(number / 4 >> 32), stream, 0};
    uint32_t k[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)x[0] * 0xD2511F53u, b = (uint64_t)x[2] * 0xCD9E8D57u;
        const uint32_t y[4] = {(uint32_t)(b >> 32) ^ x[1] ^ k[0], (uint32_t)b,
                               (uint32_t)(a >> 32) ^ x[3] ^ k[1], (uint32_t)a};
        memcpy(x, y, sizeof x);
        k[0] += 0x9E3779B9u, k[1] += 0xBB67AE85u;
    }
    return x[number % 4];
}

void random_words(uint64_t key, uint32_t stream, idx first_block, uint32_t *words, idx blocks)
{
    for (idx i = 0; i < 4 * blocks; i++) words[i] = word(key, stream, (uint64_t)(4 * first_block + i));
}

void dropout(const float *x, float *y, idx n, uint64_t key, uint32_t stream, uint32_t keep_below, float scale)
{
    for (idx i = 0; i < n; i++)
        y[i] = keep_below == 0xFFFFFFFF || word(key, stream, (uint64_t)i) < keep_below ? x[i] * scale : 0;
}

void embedding_forward(const float *index, const float *weight, float *y, idx rows, idx count, idx width)
{
    for (idx i = 0; i < rows * width; i++) {
        const float at = index[i / width];
        y[i] = at > -1 && at < (float)count ? weight[(idx)at * width + i % width] : __builtin_nanf("");
    }
}

void embedding_backward(const float *index, const float *gy, float *gweight, idx rows, idx count, idx width)
{
    for (idx i = 0; i < count * width; i++) gweight[i] = 0;
    for (idx i = 0; i < rows * width; i++) {
        const float at = index[i / width];
        if (at > -1 && at < (float)count) gweight[(idx)at * width + i % width] += gy[i];
    }
}

/* Where value i of y lies in its row of x; *n gets the values of a row of y */
static idx place(const strides *s, idx i, idx *n)
{
    idx at = s->first;
    *n = 1;
    for (int axis = MOST_AXES - 1; axis >= 0; axis--) {
        at += i / *n % s->size[axis] * s->step[axis];
        *n *= s->size[axis];
    }
    return at;
}

void move_forward(const float *x, float *y, idx rows, idx x_floats, const strides *s)
{
    idx n;
    place(s, 0, &n);
    for (idx i = 0; i < rows * n; i++) y[i] = x[i / n * x_floats + place(s, i % n, &n)];
}

void move_backward(const float *gy, float *gx, idx rows, idx x_floats, const strides *s)
{
    idx n;
    place(s, 0, &n);
    for (idx r = 0; r < rows; r++)
        for (idx j = 0; j < x_floats; j++) {
            double sum = -0.0;
            for (idx i = 0; i < n; i++)
                if (place(s, i, &n) == j) sum += (double)gy[r * n + i];
            gx[r * x_floats + j] = (float)sum;
        }
}

void join_forward(const float *a, const float *b, float *y, idx turns, idx m, idx n)
{
    for (idx i = 0; i < turns * (m + n); i++) {
        const idx turn = i / (m + n), at = i % (m + n);
        y[i] = at < m ? a[turn * m + at] : b[turn * n + at - m];
    }
}

void join_backward(const float *gy, float *ga, float *gb, idx turns, idx m, idx n)
{
    for (idx i = 0; i < turns * (m + n); i++) {
        const idx turn = i / (m + n), at = i % (m + n);
        if (at < m && ga) ga[turn * m + at] = gy[i];
        if (at >= m && gb) gb[turn * n + at - m] = gy[i];
    }
}

static float sum_of(float *const *g, idx slices, idx i)
{
    float sum = g[0][i];
    for (idx s = 1; s < slices; s++) sum += g[s][i];
    return sum;
}

void add_slices(float *const *g, idx slices, idx n)
{
    for (idx i = 0; i < n; i++) g[0][i] = sum_of(g, slices, i);
}

void squares_of_blocks(float *const *g, idx slices, idx n, idx first, idx blocks, double *sums)
{
    for (idx b = first; b < first + blocks; b++) {
        double p[16] = {0};
        for (idx i = b * 65536; i < n && i < (b + 1) * 65536; i++) {
            const double v = sum_of(g, slices, i);
            p[i % 16] += v * v;
        }
        for (int half = 8; half > 0; half /= 2)
            for (int k = 0; k < half; k++) p[k] += p[k + half];
        sums[b - first] = p[0];
    }
}

double sum_of_squares(float *const *g, idx slices, idx n)
{
    double total = 0, one;
    for (idx b = 0; b * 65536 < n; b++) {
        squares_of_blocks(g, slices, n, b, 1, &one);
        total += one;
    }
    return total;
}

void sgd(float *p, float *velocity, float *const *g, idx slices, idx n, const update *u)
{
    for (idx i = 0; i < n; i++) {
        float sum = sum_of(g, slices, i);
        if (u->factor != 1) sum *= (float)u->factor;
        if (u->weight_decay != 0) sum += (float)u->weight_decay * p[i];
        if (velocity) sum = velocity[i] = (float)u->momentum * velocity[i] + sum;
        p[i] -= (float)u->rate * sum;
    }
}

void adam(float *p, float *mean, float *square, float *const *g, idx slices, idx n, const update *u)
{
    for (idx i = 0; i < n; i++) {
        float sum = sum_of(g, slices, i);
        if (u->factor != 1) sum *= (float)u->factor;
        if (u->weight_decay != 0 && !u->decoupled) sum += (float)u->weight_decay * p[i];
        if (u->decoupled) p[i] *= (float)(1 - u->rate * u->weight_decay);
        mean[i] += (sum - mean[i]) * (float)(1 - u->beta1);
        square[i] = square[i] * (float)u->beta2 + (sum * sum) * (float)(1 - u->beta2);
        const float bottom =
            __builtin_sqrtf(square[i]) / (float)__builtin_sqrt(u->correction2) + (float)u->eps;
        p[i] -= (float)(u->rate / u->correction1) * (mean[i] / bottom);
    }
}

void gather_images(const uint8_t *x, const int64_t *numbers, idx rows, const image_rows *k, float *y)
{
    for (idx r = 0; r < rows; r++)
        for (idx h = 0; h < k->height; h++)
            for (idx w = 0; w < k->width; w++)
                for (idx c = 0; c < k->channels; c++) {
                    const idx n = (idx)numbers[r], i = h + (k->down ? (idx)k->down[n] - k->reach : 0);
                    idx j = w + (k->right ? (idx)k->right[n] - k->reach : 0);
                    const int inside = i >= 0 && i < k->height && j >= 0 && j < k->width;
                    if (k->mirrored && k->mirrored[n]) j = k->width - 1 - j;
                    float v = inside ? x[((n * k->channels + c) * k->height + i) * k->width + j] : 0;
                    if (k->mean) v -= k->mean[c];
                    if (k->std) v /= k->std[c];
                    *y++ = v;
                }
}

void gather_floats(const float *x, const int64_t *numbers, idx rows, idx width, float *y)
{
    for (idx i = 0; i < rows * width; i++) y[i] = x[numbers[i / width] * width + i % width];
}

void scale(const float *x, float factor, float *y, idx n) { for (idx i = 0; i < n; i++) y[i] = x[i] * factor; }
void shift(const float *x, float by, float *y, idx n) { for (idx i = 0; i < n; i++) y[i] = x[i] + by; }
void multiply_values(const float *a, const float *b, float *y, idx n)
{
    for (idx i = 0; i < n; i++) y[i] = a[i] * b[i];
}
void add(const float *a, const float *b, float *y, idx n) { for (idx i = 0; i < n; i++) y[i] = a[i] + b[i]; }
void add_relu(const float *a, const float *b, float *y, idx n)
{
    for (idx i = 0; i < n; i++) y[i] = a[i] + b[i] <= 0 ? 0 : a[i] + b[i];
}
void relu_mask(const float *y, const float *gy, float *gx, idx n)
{
    for (idx i = 0; i < n; i++) gx[i] = y[i] > 0 ? gy[i] : 0;
}
