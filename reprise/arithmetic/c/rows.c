/* Rows of the resident data by number, and the elementwise arithmetic of a network's joints. */
#include "families.h"
#include "channels.h"
#include <string.h>

#define COLUMNS 256 /* raw bytes of a row of an image that are put in place before they are converted */

/* (v - mean) / std in float, for `n` pixels; the planes of the channels lie `plane` bytes apart. */
INLINE void convert(const uint8_t *x, idx plane, idx n, idx channels, idx first, idx step,
                    const image_rows *how, float *restrict y)
{
    float mean[4], std[4];
    for (idx c = 0; c < channels; c++) {
        mean[c] = how->mean ? how->mean[first + c] : 0.0f;
        std[c] = how->std ? how->std[first + c] : 1.0f;
    }
    ELEMENTWISE for (idx i = 0; i < n; i++)
        for (idx c = 0; c < channels; c++) y[i * step + c] = ((float)x[c * plane + i] - mean[c]) / std[c];
}

/* All channels of n pixels, by those numbers of channels that the compiler makes its best of. */
static void pixels(const uint8_t *x, idx plane, idx n, const image_rows *how, float *y)
{
    const idx channels = how->channels;
    if (channels == 1) convert(x, plane, n, 1, 0, 1, how, y);
    else if (channels == 3) convert(x, plane, n, 3, 0, 3, how, y);
    else
        for (idx c = 0; c < channels; c++) convert(x + c * plane, plane, n, 1, c, channels, how, y + c);
}

/* Columns `first` to `first + n` of the row or its mirror, shifted: out[w] = row[w + shift], 0 outside. */
static void place_row(const uint8_t *row, idx width, idx shift, int mirrored, idx first, idx n, uint8_t *out)
{
    const idx low = most(-shift, first), high = least(width - shift, first + n); /* from the image */
    memset(out, 0, (size_t)n);
    if (low >= high) return;
    if (!mirrored) memcpy(out + (low - first), row + low + shift, (size_t)(high - low));
    else
        for (idx w = low; w < high; w++) out[w - first] = row[width - 1 - (w + shift)];
}

static void moved_image(const uint8_t *image, idx down, idx right, int mirrored, const image_rows *how,
                        float *y)
{
    const idx channels = how->channels, height = how->height, width = how->width, plane = height * width;
    uint8_t raw[4 * COLUMNS];
    image_rows part = *how;
    for (idx h = 0; h < height; h++)
        for (idx first = 0; first < width; first += COLUMNS) {
            const idx n = least(COLUMNS, width - first), from = h + down;
            float *out = y + (h * width + first) * channels;
            for (idx c = 0; c < channels; c += part.channels) {
                part.channels = channels <= 3 ? channels : 1;
                for (idx k = 0; k < part.channels; k++) {
                    uint8_t *to = raw + k * COLUMNS;
                    const uint8_t *channel = image + (c + k) * plane;
                    if (from < 0 || from >= height) memset(to, 0, (size_t)n);
                    else place_row(channel + from * width, width, right, mirrored, first, n, to);
                }
                if (part.channels == channels) pixels(raw, COLUMNS, n, how, out);
                else convert(raw, COLUMNS, n, 1, c, channels, how, out + c);
            }
        }
}

void gather_images(const uint8_t *x, const int64_t *numbers, idx rows, const image_rows *how, float *y)
{
    const idx size = how->channels * how->height * how->width;
    for (idx r = 0; r < rows; r++) {
        const idx number = (idx)numbers[r];
        const idx down = how->down ? (idx)how->down[number] - how->reach : 0;
        const idx right = how->right ? (idx)how->right[number] - how->reach : 0;
        const int mirrored = how->mirrored && how->mirrored[number];
        const uint8_t *image = x + number * size;
        if (down || right || mirrored) moved_image(image, down, right, mirrored, how, y + r * size);
        else pixels(image, how->height * how->width, how->height * how->width, how, y + r * size);
    }
}

void gather_floats(const float *x, const int64_t *numbers, idx rows, idx width, float *y)
{
    for (idx r = 0; r < rows; r++)
        memcpy(y + r * width, x + (idx)numbers[r] * width, (size_t)width * sizeof *y);
}

void multiply_values(const float *a, const float *b, float *y, idx n)
{
    ELEMENTWISE for (idx i = 0; i < n; i++) y[i] = a[i] * b[i];
}

void scale(const float *x, float factor, float *y, idx n)
{
    ELEMENTWISE for (idx i = 0; i < n; i++) y[i] = x[i] * factor;
}

void shift(const float *x, float by, float *y, idx n)
{
    ELEMENTWISE for (idx i = 0; i < n; i++) y[i] = x[i] + by;
}

void add(const float *a, const float *b, float *y, idx n)
{
    ELEMENTWISE for (idx i = 0; i < n; i++) y[i] = a[i] + b[i];
}

void add_relu(const float *a, const float *b, float *y, idx n)
{
    ELEMENTWISE for (idx i = 0; i < n; i++) y[i] = relu(a[i] + b[i]);
}

void relu_mask(const float *y, const float *gy, float *gx, idx n)
{
    ELEMENTWISE for (idx i = 0; i < n; i++) gx[i] = chosen(y[i] > 0, gy[i], 0);
}
