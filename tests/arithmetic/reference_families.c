/* The operations of families.h as their definitions say them: one value at a time, in order, nothing shared
 * but special.h. */
#include "families.h"
#include "special.h"
#include <stdlib.h>

static double *zeros(idx n) { return calloc((size_t)n + 1, sizeof(double)); }
static float root(double x) { return (float)(1 / __builtin_sqrt(x)); }

static float forward(int kind, float slope, float x)
{
    if (kind == RELU_) return x <= 0 ? 0 : x;
    if (kind == RELU6_) return x <= 0 ? 0 : x >= 6 ? 6 : x;
    if (kind == LEAKY_RELU_) return x > 0 ? x : x * slope;
    if (kind == GELU_) return (float)((double)x * normal_of(x).below);
    if (kind == SIGMOID_) return (float)sigmoid_(x);
    if (kind == TANH_) return (float)tanh_(x);
    const power p = power_of(-(double)x);
    return (float)((double)x * bottom(p) / (bottom(p) + top(p)));
}

static float backward(int kind, float slope, float x, float y, float gy)
{
    const double v = x, w = y, g = gy;
    if (kind == RELU_) return y > 0 ? gy : 0;
    if (kind == RELU6_) return y > 0 && y < 6 ? gy : 0;
    if (kind == LEAKY_RELU_) return x > 0 ? gy : gy * slope;
    if (kind == GELU_) return (float)(g * (normal_of(v).below + v * normal_of(v).density));
    if (kind == SIGMOID_) return (float)(g * (w * (1 - w)));
    if (kind == TANH_) return (float)(g * (1 - w * w));
    const power p = power_of(-v);
    const double one = 1 / (bottom(p) + top(p)), s = bottom(p) * one, rest = top(p) * one;
    return (float)(g * (s * (1 + v * rest)));
}

void activation_forward(int kind, double slope, const float *x, float *y, idx n)
{
    for (idx i = 0; i < n; i++) y[i] = forward(kind, (float)slope, x[i]);
}

void activation_backward(int kind, double slope, const float *x, const float *y, const float *gy, float *gx,
                         idx n)
{
    for (idx i = 0; i < n; i++) gx[i] = backward(kind, (float)slope, x[i], y[i], gy[i]);
}

/* 16 interleaved partial sums, and the tree */
static double row_sum(const double *v, idx n)
{
    double p[16] = {0};
    for (idx i = 0; i < n; i++) p[i % 16] += v[i];
    for (int half = 8; half > 0; half /= 2)
        for (int k = 0; k < half; k++) p[k] += p[k + half];
    return p[0];
}

static double exponentials(const float *x, idx n, double *max, double *e)
{
    *max = -__builtin_inf();
    for (idx i = 0; i < n; i++)
        if ((double)x[i] > *max) *max = x[i];
    for (idx i = 0; i < n; i++) e[i] = exp_((double)x[i] - *max);
    return row_sum(e, n);
}

void softmax_forward(const float *x, float *y, idx rows, idx n)
{
    double *e = zeros(n), max;
    for (idx r = 0; r < rows; r++) {
        const double factor = 1 / exponentials(x + r * n, n, &max, e);
        for (idx i = 0; i < n; i++) y[r * n + i] = (float)(e[i] * factor);
    }
    free(e);
}

void softmax_causal(const float *x, float *y, idx rows, idx height, idx n)
{
    for (idx r = 0; r < rows; r++) {
        const idx part = r % height + 1 < n ? r % height + 1 : n;
        softmax_forward(x + r * n, y + r * n, 1, part);
        for (idx i = part; i < n; i++) y[r * n + i] = 0;
    }
}

void softmax_backward(const float *y, const float *gy, float *gx, idx rows, idx n)
{
    double *e = zeros(n);
    for (idx r = 0; r < rows; r++, y += n, gy += n, gx += n) {
        for (idx i = 0; i < n; i++) e[i] = (double)gy[i] * (double)y[i];
        const double sum = row_sum(e, n);
        for (idx i = 0; i < n; i++) gx[i] = (float)((double)y[i] * ((double)gy[i] - sum));
    }
    free(e);
}

double cross_entropy(const float *x, const int64_t *target, idx rows, idx classes, double smoothing,
                     const float *weights, double scale, float *gx)
{
    double *e = zeros(classes), total = 0, all = 0, soft = smoothing / (double)classes, max;
    for (idx c = 0; c < classes; c++) all += weights ? (double)weights[c] : 1;
    for (idx r = 0; r < rows; r++) {
        const float *v = x + r * classes;
        const double sum = exponentials(v, classes, &max, e),
                     hard = (1 - smoothing) * (weights ? (double)weights[target[r]] : 1);
        double loss = hard * (log_(sum) - ((double)v[target[r]] - max)), spread = 0;
        for (idx c = 0; c < classes; c++)
            spread += (weights ? (double)weights[c] : 1) * (log_(sum) - ((double)v[c] - max));
        total += soft != 0 ? loss + soft * spread : loss;
        for (idx c = 0; gx && c < classes; c++) {
            const double mass = (hard + soft * all) / sum, own = c == target[r] ? hard : 0;
            gx[r * classes + c] =
                (float)(scale * ((e[c] * mass - own) - soft * (weights ? (double)weights[c] : 1)));
        }
    }
    free(e);
    return total;
}

double binary_cross_entropy(const float *x, const int64_t *target, idx rows, double smoothing,
                            const float *weights, double scale, float *gx)
{
    double total = 0;
    for (idx r = 0; r < rows; r++) {
        const double v = x[r], z = (double)target[r] * (1 - smoothing) + smoothing / 2,
                     w = weights ? (double)weights[target[r]] : 1;
        total += w * (log_1_plus(exp_(v > 0 ? -v : v)) + (v > 0 ? (1 - z) * v : -(z * v)));
        if (gx) gx[r] = (float)((scale * w) * ((1 - z) * sigmoid_(v) - z * sigmoid_(-v)));
    }
    return total;
}

double squared_error(const float *x, const float *target, idx rows, double scale, float *gx)
{
    double total = 0;
    for (idx r = 0; r < rows; r++) {
        const double d = (double)x[r] - (double)target[r];
        total += d * d;
        if (gx) gx[r] = (float)(scale * (2 * d));
    }
    return total;
}

double huber(const float *x, const float *target, idx rows, double delta, double scale, float *gx)
{
    double total = 0;
    for (idx r = 0; r < rows; r++) {
        const double d = (double)x[r] - (double)target[r], size = d < 0 ? -d : d;
        total += size <= delta ? 0.5 * (d * d) : delta * (size - 0.5 * delta);
        if (gx) gx[r] = (float)(scale * (d < -delta ? -delta : d > delta ? delta : d));
    }
    return total;
}

int64_t count_correct(const float *x, const int64_t *target, idx rows, idx classes)
{
    int64_t count = 0;
    for (idx r = 0; r < rows; r++) {
        const float *v = x + r * classes;
        int64_t best = classes == 1 && v[0] > 0;
        for (idx c = 1; c < classes; c++)
            if (v[best] == v[best] && (v[c] > v[best] || v[c] != v[c])) best = c;
        count += best == target[r];
    }
    return count;
}

void class_probabilities(const float *x, double *p, idx rows, idx classes)
{
    double max;
    for (idx r = 0; r < rows; r++) {
        if (classes == 1) {
            p[2 * r + 1] = sigmoid_(x[r]);
            p[2 * r] = 1 - p[2 * r + 1];
            continue;
        }
        const double sum = exponentials(x + r * classes, classes, &max, p + r * classes);
        for (idx c = 0; c < classes; c++) p[r * classes + c] /= sum;
    }
}

static double variance_of(double sum, double squares, double n)
{
    const double v = squares / n - (sum / n) * (sum / n);
    return v < 0 ? 0 : v;
}

void batch_norm_statistics(const float *x, idx m, idx channels, double *mean, double *variance)
{
    for (idx c = 0; c < channels; c++) {
        double sum = 0, squares = 0;
        for (idx r = 0; r < m; r++) {
            sum += (double)x[r * channels + c];
            squares += (double)x[r * channels + c] * (double)x[r * channels + c];
        }
        mean[c] = sum / (double)m;
        variance[c] = variance_of(sum, squares, (double)m);
    }
}

void batch_norm_apply(const float *x, const double *mean, const double *variance, const float *weight,
                      const float *bias, double eps, int relu_too, float *y, idx m, idx channels)
{
    for (idx i = 0; i < m * channels; i++) {
        const idx c = i % channels;
        const float factor = (float)((weight ? (double)weight[c] : 1) / __builtin_sqrt(variance[c] + eps));
        const float v = (x[i] - (float)mean[c]) * factor + (bias ? bias[c] : 0);
        y[i] = relu_too && v <= 0 ? 0 : v;
    }
}

void batch_norm_backward(const float *x, const float *y_of_relu, const double *mean, const double *variance,
                         const float *weight, double eps, const float *gy, float *gx, float *gweight,
                         float *gbias, idx m, idx channels)
{
    for (idx c = 0; c < channels; c++) {
        const float scale = root(variance[c] + eps),
                    factor = (float)((weight ? (double)weight[c] : 1) / __builtin_sqrt(variance[c] + eps));
        double sum = 0, dot = 0;
        for (int last = 0; last < 2; last++)
            for (idx r = 0; r < m; r++) {
                const idx i = r * channels + c;
                const float g = !y_of_relu || y_of_relu[i] > 0 ? gy[i] : 0,
                            xhat = (x[i] - (float)mean[c]) * scale;
                if (last) gx[i] = factor * ((g - (float)(sum / (double)m)) - xhat * (float)(dot / (double)m));
                else sum += (double)g, dot += (double)g * (double)xhat;
            }
        gweight[c] = (float)dot;
        gbias[c] = (float)sum;
    }
}

void layer_norm_forward(const float *x, const float *weight, const float *bias, double eps, float *y,
                        float *statistics, idx rows, idx n)
{
    double *v = zeros(n), *squares = zeros(n);
    for (idx r = 0; r < rows; r++, x += n, y += n) {
        for (idx i = 0; i < n; i++) v[i] = x[i], squares[i] = v[i] * v[i];
        const double sum = row_sum(v, n);
        const float mean = (float)(sum / (double)n),
                    scale = root(variance_of(sum, row_sum(squares, n), (double)n) + eps);
        for (idx i = 0; i < n; i++)
            y[i] = ((x[i] - mean) * scale) * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
        statistics[2 * r] = mean, statistics[2 * r + 1] = scale;
    }
    free(v), free(squares);
}

void layer_norm_backward(const float *x, const float *statistics, const float *weight, const float *gy,
                         float *gx, float *gweight, float *gbias, idx rows, idx n)
{
    double *h = zeros(n), *dots = zeros(n), *gw = zeros(n), *gb = zeros(n);
    for (idx r = 0; r < rows; r++, x += n, gy += n, gx += n) {
        const float mean = statistics[2 * r], scale = statistics[2 * r + 1];
        for (idx i = 0; i < n; i++) {
            const float g = weight ? gy[i] * weight[i] : gy[i], xhat = (x[i] - mean) * scale;
            h[i] = g, dots[i] = (double)g * (double)xhat;
            gb[i] += (double)gy[i], gw[i] += (double)gy[i] * (double)xhat;
        }
        const float less = (float)(row_sum(h, n) / (double)n), slope = (float)(row_sum(dots, n) / (double)n);
        for (idx i = 0; i < n; i++) gx[i] = scale * (((float)h[i] - less) - ((x[i] - mean) * scale) * slope);
    }
    for (idx i = 0; i < n; i++) gweight[i] = (float)gw[i], gbias[i] = (float)gb[i];
    free(h), free(dots), free(gw), free(gb);
}

void group_norm_forward(const float *x, const float *weight, const float *bias, double eps, idx groups,
                        float *y, float *statistics, idx rows, idx pixels, idx channels)
{
    const idx size = channels / groups;
    for (idx r = 0; r < rows; r++, x += pixels * channels, y += pixels * channels)
        for (idx g = 0; g < groups; g++, statistics += 2) {
            double sum = 0, squares = 0;
            for (idx c = g * size; c < (g + 1) * size; c++) {
                double one = 0, two = 0;
                for (idx p = 0; p < pixels; p++) {
                    const double v = x[p * channels + c];
                    one += v, two += v * v;
                }
                sum += one, squares += two;
            }
            const double n = (double)(pixels * size);
            statistics[0] = (float)(sum / n), statistics[1] = root(variance_of(sum, squares, n) + eps);
            for (idx p = 0; p < pixels; p++)
                for (idx c = g * size; c < (g + 1) * size; c++)
                    y[p * channels + c] =
                        ((x[p * channels + c] - statistics[0]) * statistics[1]) * (weight ? weight[c] : 1)
                        + (bias ? bias[c] : 0);
        }
}

void group_norm_backward(const float *x, const float *statistics, const float *weight, idx groups,
                         const float *gy, float *gx, float *gweight, float *gbias, idx rows, idx pixels,
                         idx channels)
{
    const idx size = channels / groups;
    double *gw = zeros(channels), *gb = zeros(channels);
    for (idx r = 0; r < rows; r++, x += pixels * channels, gy += pixels * channels, gx += pixels * channels)
        for (idx g = 0; g < groups; g++, statistics += 2) {
            const float mean = statistics[0], scale = statistics[1];
            const double n = (double)(pixels * size);
            double a = 0, b = 0;
            for (idx c = g * size; c < (g + 1) * size; c++) {
                double sum = 0, dot = 0;
                for (idx p = 0; p < pixels; p++) {
                    const idx i = p * channels + c;
                    sum += (double)gy[i], dot += (double)gy[i] * (double)((x[i] - mean) * scale);
                }
                a += (weight ? (double)weight[c] : 1) * sum, b += (weight ? (double)weight[c] : 1) * dot;
                gb[c] += sum, gw[c] += dot;
            }
            for (idx p = 0; p < pixels; p++)
                for (idx c = g * size; c < (g + 1) * size; c++) {
                    const idx i = p * channels + c;
                    gx[i] = scale
                            * ((gy[i] * (weight ? weight[c] : 1) - (float)(a / n))
                               - ((x[i] - mean) * scale) * (float)(b / n));
                }
        }
    for (idx c = 0; c < channels; c++) gweight[c] = (float)gw[c], gbias[c] = (float)gb[c];
    free(gw), free(gb);
}

static float score(float v, const float *knots, const float *scores, idx count)
{
    idx from = 0, to = 0;
    while (from < count && knots[from] < v) from++;
    while (to < count && knots[to] <= v) to++;
    if (v != v) return v;
    if (from < to) return (float)(((double)scores[from] + (double)scores[to - 1]) * 0.5);
    if (from == 0 || from == count) return scores[from ? count - 1 : 0];
    const double share = ((double)v - (double)knots[from - 1]) / ((double)knots[from] - (double)knots[from - 1]);
    return (float)((double)scores[from - 1] + ((double)scores[from] - (double)scores[from - 1]) * share);
}

void piecewise_forward(const piecewise *d, idx rows, const float *x, const float *table, float *y)
{
    for (idx i = 0; i < rows * d->features; i++) {
        const float *own = table + d->knots + i % d->features * (d->knots + d->bins + 2), *edges = own + 1 + d->knots;
        const float z = score(x[i / d->features * d->columns + (idx)own[0]], own + 1, table, d->knots);
        y[i * (d->bins + 1)] = z;
        for (idx b = 0; b < d->bins; b++) {
            double share = ((double)z - (double)edges[b]) / ((double)edges[b + 1] - (double)edges[b]);
            if (share < 0) share = 0;
            if (share > 1) share = 1;
            y[i * (d->bins + 1) + 1 + b] = edges[b + 1] > edges[b] ? (float)share : 0;
        }
    }
}

void combine_classes(const float *x, const float *weights, float *y, idx rows, idx members, idx classes)
{
    double *p = zeros(classes), *e = zeros(classes), max;
    for (idx r = 0; r < rows; r++) {
        for (idx c = 0; c < classes; c++) p[c] = 0;
        for (idx m = 0; m < members; m++) {
            const double sum = exponentials(x + (r * members + m) * classes, classes, &max, e);
            for (idx c = 0; c < classes; c++) p[c] += (double)weights[m] * (e[c] / sum);
        }
        for (idx c = 0; c < classes; c++) y[r * classes + c] = (float)log_(p[c]);
    }
    free(p);
    free(e);
}

void combine_logits(const float *x, const float *weights, float *y, idx rows, idx members)
{
    for (idx r = 0; r < rows; r++) {
        double yes = 0, no = 0;
        for (idx m = 0; m < members; m++) yes += (double)weights[m] * sigmoid_(x[r * members + m]);
        for (idx m = 0; m < members; m++) no += (double)weights[m] * sigmoid_(-(double)x[r * members + m]);
        y[r] = (float)(log_(yes) - log_(no));
    }
}

void combine_values(const float *x, const float *weights, const float *range, float *y, idx rows, idx members)
{
    for (idx r = 0; r < rows; r++) {
        double sum = 0;
        for (idx m = 0; m < members; m++) {
            float v = x[r * members + m];
            if (v < range[0]) v = range[0];
            if (v > range[1]) v = range[1];
            sum += (double)weights[m] * (double)v;
        }
        y[r] = (float)sum;
    }
}
