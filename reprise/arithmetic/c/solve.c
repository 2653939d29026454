/* What solving a linear model takes, in double: losses of all rows and their gradients, and systems of equations.
 *
 * A row is its values less the columns' means, then 1: the last weight of an output is its bias. Lanes run across
 * columns, or along a row sum's 16 partial ones; no chain is cut.
 */
#include "product.h"
#include "program.h"
#include "special.h"

#define GROUP 64 /* rows whose differences are in hand at a time */
#define TILE 32  /* sums that are in registers at a time */

/* The mean of a column that never changes is its value, to the bit. */
void column_means(const float *x, idx rows, idx columns, double *mean)
{
    for (idx j = 0; j < columns; j++) mean[j] = 0;
    for (idx r = 0; r < rows; r++)
        ELEMENTWISE for (idx j = 0; j < columns; j++) mean[j] += (double)x[r * columns + j] - (double)x[j];
    ELEMENTWISE for (idx j = 0; j < columns; j++) mean[j] = (double)x[j] + mean[j] / (double)rows;
}

INLINE void difference(const float *x, const double *mean, idx columns, double *v)
{
    ELEMENTWISE for (idx j = 0; j < columns; j++) v[j] = (double)x[j] - mean[j];
    v[columns] = 1;
}

/* sums[c] += v[r][0] * other[r][c], for r in order; v and other lie n apart from row to row */
INLINE void add_products(const double *v, const double *other, idx rows, idx n, idx width, double *sums)
{
    double kept[TILE];
    for (idx c = 0; c < width; c++) kept[c] = sums[c];
    for (idx r = 0; r < rows; r++)
        ELEMENTWISE for (idx c = 0; c < width; c++) kept[c] += v[r * n] * other[r * n + c];
    for (idx c = 0; c < width; c++) sums[c] = kept[c];
}

void gram(const float *x, const double *mean, idx rows, idx columns, double *g)
{
    const idx n = columns + 1;
    reserve(FLOATS(GROUP * n, double));
    double *v = (double *)take(FLOATS(GROUP * n, double));
    for (idx i = 0; i < n; i++)
        for (idx j = i; j < n; j++) g[i * n + j] = 0;
    for (idx first = 0; first < rows; first += GROUP) {
        const idx group = least(GROUP, rows - first);
        for (idx r = 0; r < group; r++) difference(x + (first + r) * columns, mean, columns, v + r * n);
        for (idx i = 0; i < n; i++) {
            idx j = i;
            for (; j + TILE <= n; j += TILE) add_products(v + i, v + j, group, n, TILE, g + i * n + j);
            add_products(v + i, v + j, group, n, n - j, g + i * n + j);
        }
    }
}

void factorise(double *a, idx n)
{
    for (idx i = 0; i < n; i++) {
        double *row = a + i * n;
        for (idx k = 0; k < i; k++) {
            const double *above = a + k * n, factor = above[i];
            ELEMENTWISE for (idx j = i; j < n; j++) row[j] -= factor * above[j];
        }
        const double root = __builtin_sqrt(row[i]);
        row[i] = root;
        ELEMENTWISE for (idx j = i + 1; j < n; j++) row[j] /= root;
    }
}

double sum_of_products(const double *a, const double *b, idx n)
{
    double partial[16] = {0};
    idx i = 0;
    for (; i + 16 <= n; i += 16)
        ELEMENTWISE for (int k = 0; k < 16; k++) partial[k] += a[i + k] * b[i + k];
    for (; i < n; i++) partial[i % 16] += a[i] * b[i];
    return tree_16(partial);
}

void solve(const double *u, double *b, idx n, idx systems)
{
    for (idx s = 0; s < systems; s++, b += n) {
        for (idx k = 0; k < n; k++) {
            const double *row = u + k * n, value = b[k] / row[k];
            b[k] = value;
            ELEMENTWISE for (idx i = k + 1; i < n; i++) b[i] -= row[i] * value;
        }
        for (idx i = n; i-- > 0;) {
            const double *row = u + i * n;
            b[i] = (b[i] - sum_of_products(row + i + 1, b + i + 1, n - i - 1)) / row[i];
        }
    }
}

/* The loss of a row whose outputs are s; d[k] becomes its derivative by s[k]. */
static double cross_entropy_of(const double *s, idx outputs, idx target, double smoothing, double *d)
{
    const double soft = smoothing / (double)outputs, hard = 1 - smoothing;
    double max = -__builtin_inf(), partial[16] = {0}, spread = 0;
    for (idx k = 0; k < outputs; k++) max = s[k] > max ? s[k] : max;
    ELEMENTWISE for (idx k = 0; k < outputs; k++) d[k] = exp_(s[k] - max);
    for (idx k = 0; k < outputs; k++) partial[k % 16] += d[k];
    const double sum = tree_16(partial), log_sum = log_(sum), mass = (hard + soft * (double)outputs) / sum;
    for (idx k = 0; soft != 0 && k < outputs; k++) spread += log_sum - (s[k] - max);
    for (idx k = 0; k < outputs; k++) d[k] = (d[k] * mass - (k == target ? hard : 0)) - soft;
    const double loss = hard * (log_sum - (s[target] - max));
    return soft != 0 ? loss + soft * spread : loss;
}

static double binary_cross_entropy_of(double s, double target, double smoothing, double *d)
{
    const double z = target * (1 - smoothing) + smoothing / 2;
    *d = (1 - z) * sigmoid_(s) - z * sigmoid_(-s);
    return log_1_plus(exp_(-magnitude(s))) + (s > 0 ? (1 - z) * s : -(z * s));
}

static double squared_error_of(double s, double target, double *d)
{
    *d = 2 * (s - target);
    return (s - target) * (s - target);
}

double linear_loss(int loss, const float *x, const double *mean, const void *targets, idx rows, idx columns,
                   idx outputs, double smoothing, const double *w, double *g)
{
    const idx n = columns + 1;
    double total = 0;
    reserve(FLOATS(n, double) + 2 * FLOATS(outputs, double));
    double *v = (double *)take(FLOATS(n, double)), *s = (double *)take(FLOATS(outputs, double)),
           *d = (double *)take(FLOATS(outputs, double));
    for (idx i = 0; i < outputs * n; i++) g[i] = 0;
    for (idx r = 0; r < rows; r++) {
        difference(x + r * columns, mean, columns, v);
        for (idx k = 0; k < outputs; k++) s[k] = sum_of_products(v, w + k * n, n);
        if (loss == SQUARED_ERROR) total += squared_error_of(*s, ((const float *)targets)[r], d);
        else {
            const idx target = (idx)((const int64_t *)targets)[r];
            total += loss == CROSS_ENTROPY ? cross_entropy_of(s, outputs, target, smoothing, d)
                                           : binary_cross_entropy_of(*s, (double)target, smoothing, d);
        }
        for (idx k = 0; k < outputs; k++) {
            double *to = g + k * n;
            const double factor = d[k];
            ELEMENTWISE for (idx j = 0; j < n; j++) to[j] += factor * v[j];
        }
    }
    return total;
}
