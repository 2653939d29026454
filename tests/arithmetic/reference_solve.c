/* solve.c as its definitions say it: one value at a time, in order, nothing shared but special.h. */
#include "program.h"
#include "special.h"
#include <stdlib.h>

static double value(const float *x, const double *mean, idx columns, idx r, idx j)
{
    return j == columns ? 1 : (double)x[r * columns + j] - mean[j];
}

void column_means(const float *x, idx rows, idx columns, double *mean)
{
    for (idx j = 0; j < columns; j++) {
        double sum = 0;
        for (idx r = 0; r < rows; r++) sum += (double)x[r * columns + j] - (double)x[j];
        mean[j] = (double)x[j] + sum / (double)rows;
    }
}

void gram(const float *x, const double *mean, idx rows, idx columns, double *g)
{
    for (idx i = 0; i <= columns; i++)
        for (idx j = i; j <= columns; j++) {
            double sum = 0;
            for (idx r = 0; r < rows; r++)
                sum += value(x, mean, columns, r, i) * value(x, mean, columns, r, j);
            g[i * (columns + 1) + j] = sum;
        }
}

void factorise(double *a, idx n)
{
    for (idx i = 0; i < n; i++)
        for (idx j = i; j < n; j++) {
            double s = a[i * n + j];
            for (idx k = 0; k < i; k++) s -= a[k * n + i] * a[k * n + j];
            a[i * n + j] = j == i ? __builtin_sqrt(s) : s / a[i * n + i];
        }
}

static double row_sum(const double *a, const double *b, idx n)
{
    double p[16] = {0};
    for (idx i = 0; i < n; i++) p[i % 16] += a[i] * b[i];
    for (int half = 8; half > 0; half /= 2)
        for (int k = 0; k < half; k++) p[k] += p[k + half];
    return p[0];
}

double sum_of_products(const double *a, const double *b, idx n) { return row_sum(a, b, n); }

void solve(const double *u, double *b, idx n, idx systems)
{
    for (idx s = 0; s < systems; s++, b += n) {
        for (idx i = 0; i < n; i++) {
            for (idx k = 0; k < i; k++) b[i] -= u[k * n + i] * b[k];
            b[i] /= u[i * n + i];
        }
        for (idx i = n - 1; i >= 0; i--)
            b[i] = (b[i] - row_sum(u + i * n + i + 1, b + i + 1, n - i - 1)) / u[i * n + i];
    }
}

double linear_loss(int loss, const float *x, const double *mean, const void *targets, idx rows, idx columns,
                   idx outputs, double smoothing, const double *w, double *g)
{
    const idx n = columns + 1;
    double total = 0, soft = smoothing / (double)outputs, hard = 1 - smoothing;
    double *v = calloc((size_t)n, 8), *s = calloc((size_t)outputs, 8), *d = calloc((size_t)outputs, 8),
           *one = calloc((size_t)outputs, 8);
    for (idx i = 0; i < outputs * n; i++) g[i] = 0;
    for (idx k = 0; k < outputs; k++) one[k] = 1;
    for (idx r = 0; r < rows; r++) {
        for (idx j = 0; j < n; j++) v[j] = value(x, mean, columns, r, j);
        for (idx k = 0; k < outputs; k++) s[k] = row_sum(v, w + k * n, n);
        if (loss == SQUARED_ERROR) {
            const double e = s[0] - (double)((const float *)targets)[r];
            total += e * e;
            d[0] = 2 * e;
        } else if (loss == BINARY_CROSS_ENTROPY) {
            const double z = (double)((const int64_t *)targets)[r] * (1 - smoothing) + smoothing / 2;
            total += log_1_plus(exp_(s[0] > 0 ? -s[0] : s[0])) + (s[0] > 0 ? (1 - z) * s[0] : -(z * s[0]));
            d[0] = (1 - z) * sigmoid_(s[0]) - z * sigmoid_(-s[0]);
        } else {
            const int64_t t = ((const int64_t *)targets)[r];
            double max = -__builtin_inf(), spread = 0;
            for (idx k = 0; k < outputs; k++)
                if (s[k] > max) max = s[k];
            for (idx k = 0; k < outputs; k++) d[k] = exp_(s[k] - max);
            const double sum = row_sum(d, one, outputs), mass = (hard + soft * (double)outputs) / sum;
            for (idx k = 0; k < outputs; k++) spread += log_(sum) - (s[k] - max);
            total += soft != 0 ? hard * (log_(sum) - (s[t] - max)) + soft * spread : hard * (log_(sum) - (s[t] - max));
            for (idx k = 0; k < outputs; k++) d[k] = (d[k] * mass - (k == t ? hard : 0)) - soft;
        }
        for (idx k = 0; k < outputs; k++)
            for (idx j = 0; j < n; j++) g[k * n + j] += d[k] * v[j];
    }
    free(v), free(s), free(d), free(one);
    return total;
}
