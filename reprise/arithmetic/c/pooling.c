/* Pooling of images [rows, height, width, channels]; lanes run across channels.
 *
 * Taps of a window go row by row; those outside the image are never the maximum.
 */
#include "families.h"
#include "channels.h"

#define PART 512 /* channels of a global average in hand at a time */

/* A window's taps in the image, and how many there are when padding counts (but nothing beyond it) */
typedef struct { idx top, bottom, left, right, padded; } taps;
INLINE taps taps_of(const window *w, idx i, idx j)
{
    const idx top = i * w->stride_h - w->pad_h, left = j * w->stride_w - w->pad_w;
    const idx bottom = least(top + w->kernel_h, w->height + w->pad_h);
    const idx right = least(left + w->kernel_w, w->width + w->pad_w);
    return (taps){most(top, 0), least(bottom, w->height), most(left, 0), least(right, w->width),
                  (bottom - top) * (right - left)};
}

#define EACH_WINDOW(body)                                        \
    for (idx i = 0; i < w->out_height; i++)                      \
        for (idx j = 0; j < w->out_width; j++) {                 \
            const taps t = taps_of(w, i, j);                     \
            const idx out = (i * w->out_width + j) * w->channels; \
            BY_CHANNELS(w->channels, body);                      \
        }
#define EACH_TAP                                \
    for (idx h = t.top; h < t.bottom; h++)      \
        for (idx v = t.left; v < t.right; v++)

/* NaN is greater than all numbers, and the first of equals wins. */
INLINE int is_greater(float a, float b) { return (a > b) | ((a != a) & (b == b)); }

INLINE void window_maximum(const float *x, const window *w, taps t, idx width, float *restrict y)
{
    float best[WIDE];
    for (idx k = 0; k < width; k++) best[k] = -__builtin_inff(); /* no tap in the image: -inf */
    EACH_TAP {
        const float *tap = x + (h * w->width + v) * w->channels;
        ELEMENTWISE for (idx k = 0; k < width; k++)
            best[k] = chosen(is_greater(tap[k], best[k]), tap[k], best[k]);
    }
    for (idx k = 0; k < width; k++) y[k] = best[k];
}

void max_pool_forward(const float *x, float *y, idx rows, const window *w)
{
    const idx in = w->height * w->width * w->channels, size = w->out_height * w->out_width * w->channels;
    for (idx r = 0; r < rows; r++, x += in, y += size) {
#define FORWARD(width) window_maximum(x + c, w, t, width, y + out + c)
        EACH_WINDOW(FORWARD)
    }
}

/* A window's gradient goes to its first maximum; a pixel's are added in window order, from +0. */
INLINE void to_maximum(const float *x, const float *gy, const window *w, taps t, idx width,
                       float *restrict gx)
{
    float best[WIDE], g[WIDE];
    int32_t place[WIDE], number = 0;
    for (idx k = 0; k < width; k++) {
        place[k] = 0;
        best[k] = -__builtin_inff();
        g[k] = gy[k];
    }
    EACH_TAP {
        const float *tap = x + (h * w->width + v) * w->channels;
        ELEMENTWISE for (idx k = 0; k < width; k++) {
            const int greater = is_greater(tap[k], best[k]);
            best[k] = chosen(greater, tap[k], best[k]);
            place[k] = greater ? number : place[k];
        }
        number++;
    }
    number = 0;
    EACH_TAP {
        float *to = gx + (h * w->width + v) * w->channels;
        ELEMENTWISE for (idx k = 0; k < width; k++) to[k] +=
            chosen(place[k] == number, g[k], 0); /* + 0 changes no sum from +0 */
        number++;
    }
}

void max_pool_backward(const float *x, const float *gy, float *gx, idx rows, const window *w)
{
    const idx in = w->height * w->width * w->channels, size = w->out_height * w->out_width * w->channels;
    memset(gx, 0, (size_t)(rows * in) * sizeof *gx);
    for (idx r = 0; r < rows; r++, x += in, gx += in, gy += size) {
#define BACKWARD(width) to_maximum(x + c, gy + out + c, w, t, width, gx + c)
        EACH_WINDOW(BACKWARD)
    }
}

/* The sum of the taps in double, one chain, over their number */
INLINE void window_average(const float *x, const window *w, taps t, idx count, idx width, float *restrict y)
{
    double sum[WIDE] = {0};
    EACH_TAP {
        const float *tap = x + (h * w->width + v) * w->channels;
        ELEMENTWISE for (idx k = 0; k < width; k++) sum[k] += (double)tap[k];
    }
    for (idx k = 0; k < width; k++) y[k] = (float)(sum[k] / (double)count);
}

INLINE idx counted(taps t, int count_padding)
{
    return count_padding ? t.padded : (t.bottom - t.top) * (t.right - t.left);
}

void average_pool_forward(const float *x, float *y, idx rows, const window *w, int count_padding)
{
    const idx in = w->height * w->width * w->channels, size = w->out_height * w->out_width * w->channels;
    for (idx r = 0; r < rows; r++, x += in, y += size) {
#define AVERAGE(width) window_average(x + c, w, t, counted(t, count_padding), width, y + out + c)
        EACH_WINDOW(AVERAGE)
    }
}

/* gy / number, to every tap; a pixel's are added in float in the order of the windows, from +0. */
INLINE void to_taps(const float *gy, const window *w, taps t, idx count, idx width, float *restrict gx)
{
    float share[WIDE];
    for (idx k = 0; k < width; k++) share[k] = gy[k] / (float)count;
    EACH_TAP {
        float *to = gx + (h * w->width + v) * w->channels;
        ELEMENTWISE for (idx k = 0; k < width; k++) to[k] += share[k];
    }
}

void average_pool_backward(const float *gy, float *gx, idx rows, const window *w, int count_padding)
{
    const idx in = w->height * w->width * w->channels, size = w->out_height * w->out_width * w->channels;
    memset(gx, 0, (size_t)(rows * in) * sizeof *gx);
    for (idx r = 0; r < rows; r++, gx += in, gy += size) {
#define SHARES(width) to_taps(gy + out + c, w, t, counted(t, count_padding), width, gx + c)
        EACH_WINDOW(SHARES)
    }
}

/* The sum over the pixels in double, one chain, over their number */
void global_average_forward(const float *x, float *y, idx rows, idx pixels, idx channels)
{
    double sums[PART], squares[PART];
    for (idx r = 0; r < rows; r++, x += pixels * channels, y += channels)
        for (idx at = 0; at < channels; at += PART) {
            const idx part = least(PART, channels - at);
            sums_of_values(x + at, pixels, channels, part, sums, squares);
            for (idx c = 0; c < part; c++) y[at + c] = (float)(sums[c] / (double)pixels);
        }
}

void global_average_backward(const float *gy, float *gx, idx rows, idx pixels, idx channels)
{
    const float count = (float)pixels;
    for (idx r = 0; r < rows; r++, gx += pixels * channels, gy += channels) {
        for (idx c = 0; c < channels; c++) gx[c] = gy[c] / count;
        for (idx p = 1; p < pixels; p++) memcpy(gx + p * channels, gx, (size_t)channels * sizeof *gx);
    }
}
