/* Random changes of images and mixtures, pixel by pixel in 64 bits, as docs/arithmetic.md defines them. */
#include "families.h"

static int64_t floored(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int64_t byte_of(int64_t sum)
{
    const int64_t rounded = floored(sum + 32768, 65536);
    return rounded < 0 ? 0 : rounded > 255 ? 255 : rounded;
}

static int64_t at(const uint8_t *image, idx height, idx width, int64_t i, int64_t j)
{
    i = i < 0 ? 0 : i >= height ? height - 1 : i;
    j = j < 0 ? 0 : j >= width ? width - 1 : j;
    return image[i * width + j];
}

static int64_t sampled(const uint8_t *image, idx height, idx width, const int32_t *m, idx h, idx w)
{
    const int64_t u = 2 * w + 1 - width, v = 2 * h + 1 - height;
    const int64_t column = m[0] * u + m[1] * v + m[2], row = m[3] * u + m[4] * v + m[5];
    const int64_t j = floored(column, 65536), i = floored(row, 65536);
    const int64_t f = floored(column - j * 65536, 256), g = floored(row - i * 65536, 256);
    if (2 * column < -65536 || 2 * column >= (2 * width - 1) * 65536) return 0;
    if (2 * row < -65536 || 2 * row >= (2 * height - 1) * 65536) return 0;
    return byte_of((256 - f) * (256 - g) * at(image, height, width, i, j)
                   + f * (256 - g) * at(image, height, width, i, j + 1)
                   + (256 - f) * g * at(image, height, width, i + 1, j)
                   + f * g * at(image, height, width, i + 1, j + 1));
}

static int64_t luma(const uint8_t *p, idx plane)
{
    return floored(19595 * p[0] + 38470 * p[plane] + 7471 * p[2 * plane] + 32768, 65536);
}

static void coloured(uint8_t *p, idx plane, idx channels, const int32_t *factors)
{
    const idx seen = channels == 3 ? plane : plane * channels;
    int64_t sum = 0;
    for (idx i = 0; i < plane * channels; i++) p[i] = (uint8_t)byte_of((int64_t)p[i] * factors[0]);
    for (idx i = 0; i < seen; i++) sum += channels == 3 ? luma(p + i, plane) : p[i];
    const int64_t mean = floored(2 * sum + seen, 2 * seen);
    for (idx i = 0; i < plane * channels; i++)
        p[i] = (uint8_t)byte_of(p[i] * (int64_t)factors[1] + mean * (65536 - factors[1]));
    for (idx i = 0; channels == 3 && i < plane; i++) {
        const int64_t own = luma(p + i, plane);
        for (idx c = 0; c < 3; c++)
            p[c * plane + i] =
                (uint8_t)byte_of(p[c * plane + i] * (int64_t)factors[2] + own * (65536 - factors[2]));
    }
}

void augment_images(const uint8_t *x, const int64_t *numbers, idx rows, const image_rows *k,
                    const augmentation *a, uint8_t *room, float *y)
{
    const idx height = k->height, width = k->width, plane = height * width;
    for (idx r = 0; r < rows; r++) {
        const idx n = (idx)numbers[r];
        for (idx c = 0; c < k->channels; c++)
            for (idx i = 0; i < plane; i++)
                room[c * plane + i] = (uint8_t)sampled(x + (n * k->channels + c) * plane, height, width,
                                                       a->maps + 6 * n, i / width, i % width);
        if (a->colours) coloured(room, plane, k->channels, a->colours + 3 * n);
        for (idx i = 0; i < plane; i++)
            for (idx c = 0; c < k->channels; c++) {
                float v = room[c * plane + i];
                if (k->mean) v -= k->mean[c];
                if (k->std) v /= k->std[c];
                const int32_t *hole = a->holes ? a->holes + 4 * n : 0;
                const idx h = i / width, w = i % width;
                if (hole && h >= hole[0] && h < hole[2] && w >= hole[1] && w < hole[3]) v = 0;
                *y++ = v;
            }
    }
}

void mix(float *y, const float *other, float share, idx n)
{
    for (idx i = 0; i < n; i++) y[i] = share * y[i] + (1 - share) * other[i];
}
