/* Random changes of resident rows. Those of images make bytes of bytes, in whole numbers. */
#include "families.h"
#include <string.h>

#define ONE 65536 /* what stands for 1 in a map and in a factor */

INLINE int32_t byte_of(int32_t sum) /* of 2^-16 */
{
    const int32_t rounded = (sum + ONE / 2) >> 16;
    return rounded < 0 ? 0 : rounded > 255 ? 255 : rounded;
}

/* Pixel (h, w) is what the image has at column x / 2^16 and row y / 2^16, between four pixels in steps of 1/256;
 * the border's pixels reach half a pixel beyond their centres, and outside is 0. */
static void mapped(const uint8_t *image, const image_rows *how, const int32_t *map, uint8_t *out)
{
    const int32_t height = (int32_t)how->height, width = (int32_t)how->width;
    const idx plane = how->height * how->width;
    memset(out, 0, (size_t)(plane * how->channels));
    for (int32_t h = 0; h < height; h++)
        for (int32_t w = 0; w < width; w++) {
            const int32_t u = 2 * w + 1 - width, v = 2 * h + 1 - height;
            const int32_t x = map[0] * u + map[1] * v + map[2], y = map[3] * u + map[4] * v + map[5];
            const int32_t left = x >> 16, top = y >> 16, fx = (x >> 8) & 255, fy = (y >> 8) & 255;
            if (x < -ONE / 2 || x >= width * ONE - ONE / 2 || y < -ONE / 2 || y >= height * ONE - ONE / 2)
                continue;
            const uint8_t *above = image + (top < 0 ? 0 : top) * width;
            const uint8_t *below = image + (top + 1 < height ? top + 1 : top) * width;
            const int32_t l = left < 0 ? 0 : left, r = left + 1 < width ? left + 1 : left;
            for (idx c = 0; c < how->channels; c++, above += plane, below += plane) {
                const int32_t one = (256 - fx) * above[l] + fx * above[r];
                const int32_t two = (256 - fx) * below[l] + fx * below[r];
                out[c * plane + h * width + w] = (uint8_t)byte_of((256 - fy) * one + fy * two);
            }
        }
}

/* The luma of ITU-R 601-2, as Pillow has it */
INLINE int32_t gray(int32_t r, int32_t g, int32_t b) { return (19595 * r + 38470 * g + 7471 * b + ONE / 2) >> 16; }

static void brightened(uint8_t *p, idx n, int32_t factor)
{
    for (idx i = 0; i < n; i++) p[i] = (uint8_t)byte_of(p[i] * factor);
}

/* Away from the mean of the luma, or of all values where there are not three channels */
static void contrasted(uint8_t *p, idx plane, idx channels, int32_t factor)
{
    const idx n = channels == 3 ? plane : plane * channels;
    int64_t sum = 0;
    if (channels == 3)
        for (idx i = 0; i < plane; i++) sum += gray(p[i], p[plane + i], p[2 * plane + i]);
    else
        for (idx i = 0; i < n; i++) sum += p[i];
    const int32_t mean = (int32_t)((2 * sum + n) / (2 * n)), rest = mean * (ONE - factor);
    for (idx i = 0; i < plane * channels; i++) p[i] = (uint8_t)byte_of(p[i] * factor + rest);
}

/* Away from each pixel's luma */
static void saturated(uint8_t *restrict p, idx plane, int32_t factor)
{
    uint8_t *g = p + plane, *b = p + 2 * plane;
    for (idx i = 0; i < plane; i++) {
        const int32_t rest = gray(p[i], g[i], b[i]) * (ONE - factor);
        p[i] = (uint8_t)byte_of(p[i] * factor + rest);
        g[i] = (uint8_t)byte_of(g[i] * factor + rest);
        b[i] = (uint8_t)byte_of(b[i] * factor + rest);
    }
}

static void coloured(uint8_t *p, const image_rows *how, const int32_t *factors)
{
    const idx plane = how->height * how->width;
    if (factors[0] != ONE) brightened(p, plane * how->channels, factors[0]);
    if (factors[1] != ONE) contrasted(p, plane, how->channels, factors[1]);
    if (factors[2] != ONE && how->channels == 3) saturated(p, plane, factors[2]);
}

/* +0 in the rectangle from (top, left) to before (bottom, right) */
static void cut_out(float *y, const image_rows *how, const int32_t *hole)
{
    for (idx h = hole[0]; h < hole[2]; h++)
        memset(y + (h * how->width + hole[1]) * how->channels, 0,
               (size_t)((hole[3] - hole[1]) * how->channels) * sizeof *y);
}

void augment_images(const uint8_t *x, const int64_t *numbers, idx rows, const image_rows *how,
                    const augmentation *changes, uint8_t *room, float *y)
{
    const idx size = how->channels * how->height * how->width;
    image_rows plain = *how;
    const int64_t first = 0;
    plain.down = plain.right = 0;
    plain.mirrored = 0;
    for (idx r = 0; r < rows; r++, y += size) {
        const idx number = (idx)numbers[r];
        mapped(x + number * size, how, changes->maps + 6 * number, room);
        if (changes->colours) coloured(room, how, changes->colours + 3 * number);
        gather_images(room, &first, 1, &plain, y);
        if (changes->holes) cut_out(y, how, changes->holes + 4 * number);
    }
}

void mix(float *y, const float *other, float share, idx n)
{
    const float rest = 1 - share;
    for (idx i = 0; i < n; i++) y[i] = share * y[i] + rest * other[i];
}
