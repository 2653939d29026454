/* Group norm of x, [rows, pixels, channels]: over the pixels and the channels of a group, image by image.
 *
 * Sums: a channel's over the pixels is a chain in double; a group's is the chain of its channels'.
 * statistics, [rows, groups, 2], and y as layer norm's (weight and bias: one a channel).
 */
#include "families.h"
#include "channels.h"

#define SPAN 512 /* channels in hand at a time, of any number of groups */

/* A span's coefficients, one a channel */
typedef struct {
    float mean[SPAN], scale[SPAN], weight[SPAN], bias[SPAN], less[SPAN], slope[SPAN];
} coefficients;

static void spread(const float *statistics, const float *weight, idx at, idx n, idx size, coefficients *k)
{
    for (idx i = 0; i < n; i++) {
        k->mean[i] = statistics[2 * ((at + i) / size)];
        k->scale[i] = statistics[2 * ((at + i) / size) + 1];
        k->weight[i] = weight ? weight[at + i] : 1;
    }
}

/* Of one image: a group's mean, and 1 / sqrt(variance + eps), both rounded to float */
static void image_statistics(const float *x, double eps, idx size, float *statistics, idx pixels,
                             idx channels)
{
    double sums[SPAN], dots[SPAN], sum = 0, squares = 0;
    const double n = (double)(pixels * size);
    for (idx at = 0; at < channels; at += SPAN) {
        const idx span = least(SPAN, channels - at);
        sums_of_values(x + at, pixels, channels, span, sums, dots);
        for (idx i = 0; i < span; i++) {
            sum += sums[i];
            squares += dots[i];
            if ((at + i + 1) % size) continue;
            *statistics++ = (float)(sum / n);
            *statistics++ = (float)(1 / __builtin_sqrt(variance_of(sum, squares, n) + eps));
            sum = squares = 0;
        }
    }
}

void group_norm_forward(const float *x, const float *weight, const float *bias, double eps, idx groups,
                        float *y, float *statistics, idx rows, idx pixels, idx channels)
{
    const idx size = channels / groups;
    coefficients k;
    for (idx r = 0; r < rows; r++, x += pixels * channels, y += pixels * channels, statistics += 2 * groups) {
        image_statistics(x, eps, size, statistics, pixels, channels);
        for (idx at = 0; at < channels; at += SPAN) {
            const idx span = least(SPAN, channels - at);
            spread(statistics, weight, at, span, size, &k);
            for (idx i = 0; i < span; i++) k.bias[i] = bias ? bias[at + i] : 0;
            for (idx p = 0; p < pixels; p++) {
                const float *from = x + p * channels + at;
                float *to = y + p * channels + at;
                ELEMENTWISE for (idx i = 0; i < span; i++)
                    to[i] = ((from[i] - k.mean[i]) * k.scale[i]) * k.weight[i] + k.bias[i];
            }
        }
    }
}

/* gbias, gweight: a channel's sums over an image's pixels of gy and of gy * xhat, in double in row order */
static void parameter_gradients(const float *x, const float *statistics, idx groups, const float *gy,
                                float *gweight, float *gbias, idx rows, idx pixels, idx channels)
{
    coefficients k;
    for (idx at = 0; at < channels; at += SPAN) {
        const idx span = least(SPAN, channels - at), row = pixels * channels;
        double all[SPAN] = {0}, all_dots[SPAN] = {0}, sums[SPAN], dots[SPAN];
        for (idx r = 0; r < rows; r++) {
            spread(statistics + 2 * r * groups, 0, at, span, channels / groups, &k);
            sums_of_gradients(x + r * row + at, 0, gy + r * row + at, k.mean, k.scale, pixels, channels, span,
                              sums, dots);
            for (idx i = 0; i < span; i++) {
                all[i] += sums[i];
                all_dots[i] += dots[i];
            }
        }
        for (idx i = 0; i < span; i++) {
            if (gbias) gbias[at + i] = (float)all[i];
            if (gweight) gweight[at + i] = (float)all_dots[i];
        }
    }
}

/* Of a group: less = f(A / n), slope = f(B / n), A and B the chains over its channels of weight * the sums of
 * gy and gy * xhat over the pixels; gx = scale * ((gy * weight - less) - xhat * slope) in float. Here for the
 * channels of as many groups as a span holds, or of one that is larger. */
static void input_gradient(const float *x, const float *statistics, const float *weight, const float *gy,
                           float *gx, idx first, idx end, idx size, idx pixels, idx channels)
{
    coefficients k;
    double sums[SPAN], dots[SPAN], a = 0, b = 0;
    const double n = (double)(pixels * size);
    for (idx at = first; at < end; at += SPAN) {
        const idx span = least(SPAN, end - at);
        spread(statistics, weight, at, span, size, &k);
        sums_of_gradients(x + at, 0, gy + at, k.mean, k.scale, pixels, channels, span, sums, dots);
        for (idx i = 0; i < span; i++) {
            a += (double)k.weight[i] * sums[i];
            b += (double)k.weight[i] * dots[i];
            if ((at + i + 1) % size) continue;
            for (idx j = size > SPAN ? 0 : i + 1 - size; j < (size > SPAN ? SPAN : i + 1); j++) {
                k.less[j] = (float)(a / n);
                k.slope[j] = (float)(b / n);
            }
            a = b = 0;
        }
    }
    for (idx at = first; at < end; at += SPAN) {
        const idx span = least(SPAN, end - at);
        if (size > SPAN) spread(statistics, weight, at, span, size, &k);
        for (idx p = 0; p < pixels; p++) {
            const float *v = x + p * channels + at, *g = gy + p * channels + at;
            float *to = gx + p * channels + at;
            ELEMENTWISE for (idx i = 0; i < span; i++)
                to[i] = k.scale[i]
                * ((g[i] * k.weight[i] - k.less[i]) - ((v[i] - k.mean[i]) * k.scale[i]) * k.slope[i]);
        }
    }
}

void group_norm_backward(const float *x, const float *statistics, const float *weight, idx groups,
                         const float *gy, float *gx, float *gweight, float *gbias, idx rows, idx pixels,
                         idx channels)
{
    const idx size = channels / groups, row = pixels * channels;
    if (gweight || gbias)
        parameter_gradients(x, statistics, groups, gy, gweight, gbias, rows, pixels, channels);
    const idx step = most(1, SPAN / size) * size; /* channels of whole groups */
    for (idx r = 0; gx && r < rows; r++)
        for (idx at = 0; at < channels; at += step)
            input_gradient(x + r * row, statistics + 2 * r * groups, weight, gy + r * row, gx + r * row, at,
                           least(at + step, channels), size, pixels, channels);
}
