/* Losses: a row's in double, their sum one chain in row order; gradients in double, rounded once. */
#include "families.h"
#include "row.h"

#define PART 256 /* classes whose exponentials are in hand at a time; those of more are computed twice */

/* The sum of e^(x - max): 16 interleaved partial sums and the tree. The last part's stay in e. */
static double denominator(const float *x, double max, idx n, double *e)
{
    double partial[16] = {0};
    for (idx at = 0; at < n; at += PART) {
        const idx part = least(PART, n - at);
        exponentials(x + at, max, part, e);
        add_to_partials(e, part, partial);
    }
    return tree_16(partial);
}

/* The sum over c of w[c] * (log_sum - (x[c] - max)): one chain in the order of the classes */
static double spread_loss(const float *x, double max, double log_sum, idx classes, const float *weights)
{
    double sum = 0;
    for (idx c = 0; c < classes; c++)
        sum += (weights ? (double)weights[c] : 1) * (log_sum - ((double)x[c] - max));
    return sum;
}

/* g[c] = scale * ((e[c] * mass - (c is target ? hard : 0)) - soft * w[c]), in double, rounded once */
INLINE void gradient(const double *e, double mass, double hard, double soft, idx target, const float *weights,
                     idx n, double scale, float *g)
{
    if (weights)
        ELEMENTWISE for (idx c = 0; c < n; c++)
            g[c] = (float)(scale * (e[c] * mass - soft * (double)weights[c]));
    else ELEMENTWISE for (idx c = 0; c < n; c++) g[c] = (float)(scale * (e[c] * mass - soft));
    if (target < 0 || target >= n) return;
    g[target] = (float)(scale * ((e[target] * mass - hard) - soft * (weights ? (double)weights[target] : 1)));
}

/* A row: hard * -log p[target], and where smoothing > 0, + soft * (sum over c of w[c] * -log p[c]);
 * hard = (1 - smoothing) * w[target], soft = smoothing / classes,
 * -log p[c] = log(sum of e^(x - max)) - (x[c] - max).
 * Gradient: scale * ((e^(x - max) * mass - (c is target ? hard : 0)) - soft * w[c]),
 * mass = (hard + soft * (sum of w)) / (sum of e^(x - max)). */
double cross_entropy(const float *x, const int64_t *target, idx rows, idx classes, double smoothing,
                     const float *weights, double scale, float *gx)
{
    double total = 0, all_weights = (double)classes, e[PART];
    const double soft = smoothing / (double)classes;
    if (weights) all_weights = 0;
    for (idx c = 0; weights && c < classes; c++) all_weights += (double)weights[c];
    for (idx r = 0; r < rows; r++, x += classes) {
        const idx t = (idx)target[r];
        const double max = greatest(x, classes), sum = denominator(x, max, classes, e), log_sum = log_(sum);
        const double hard = (1 - smoothing) * (weights ? (double)weights[t] : 1);
        double loss = hard * (log_sum - ((double)x[t] - max));
        if (soft != 0) loss += soft * spread_loss(x, max, log_sum, classes, weights);
        total += loss;
        const double mass = (hard + soft * all_weights) / sum;
        for (idx at = 0; gx && at < classes; at += PART) {
            const idx part = least(PART, classes - at);
            if (classes > PART) exponentials(x + at, max, part, e);
            gradient(e, mass, hard, soft, t - at, weights ? weights + at : 0, part, scale,
                     gx + r * classes + at);
        }
    }
    return total;
}

/* z = target * (1 - smoothing) + smoothing / 2; 
 * a row: w[target] * (log(1 + e^-|x|) + (x > 0 ? (1 - z) x : -z x)).
 * Gradient: scale * w[target] * ((1 - z) / (1 + e^-x) - z / (1 + e^x)). */
double binary_cross_entropy(const float *x, const int64_t *target, idx rows, double smoothing,
                            const float *weights, double scale, float *gx)
{
    double total = 0;
    for (idx r = 0; r < rows; r++) {
        const double z = (double)target[r] * (1 - smoothing) + smoothing / 2, v = x[r];
        const double weight = weights ? (double)weights[target[r]] : 1;
        total += weight * (log_1_plus(exp_(-magnitude(v))) + (v > 0 ? (1 - z) * v : -(z * v)));
        if (gx) gx[r] = (float)((scale * weight) * ((1 - z) * sigmoid_(v) - z * sigmoid_(-v)));
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
        const double d = (double)x[r] - (double)target[r], size = magnitude(d);
        total += size <= delta ? 0.5 * (d * d) : delta * (size - 0.5 * delta);
        if (gx) gx[r] = (float)(scale * within(d, -delta, delta));
    }
    return total;
}

/* The class of a row: its first greatest value; NaN is greater than all numbers. */
int64_t count_correct(const float *x, const int64_t *target, idx rows, idx classes)
{
    int64_t count = 0;
    for (idx r = 0; r < rows; r++, x += classes) {
        idx best = 0;
        for (idx c = 1; c < classes; c++)
            if (x[c] > x[best] || (x[c] != x[c] && x[best] == x[best])) best = c;
        count += (classes == 1 ? (int64_t)(x[0] > 0) : (int64_t)best) == target[r];
    }
    return count;
}

void class_probabilities(const float *x, double *p, idx rows, idx classes)
{
    if (classes == 1) {
        for (idx r = 0; r < rows; r++) {
            p[2 * r + 1] = sigmoid_(x[r]);
            p[2 * r] = 1 - p[2 * r + 1];
        }
        return;
    }
    double e[PART];
    for (idx r = 0; r < rows; r++, x += classes, p += classes) {
        const double max = greatest(x, classes), sum = denominator(x, max, classes, e);
        exponentials(x, max, classes, p);
        ELEMENTWISE for (idx c = 0; c < classes; c++) p[c] /= sum;
    }
}
