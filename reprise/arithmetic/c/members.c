/* The common answer of several models whose outputs lie side by side: [rows, members, outputs] → [rows, outputs]. */
#include "families.h"
#include "row.h"

#define PART 256 /* classes at a time */

/* Adds weight times each class's probability, classes first … first + part - 1; x: one member's outputs. */
static void add_probabilities(const float *x, idx classes, double weight, idx first, idx part, double *sums)
{
    double e[PART], partial[16] = {0};
    const double max = greatest(x, classes);
    for (idx at = 0; at < classes; at += PART) {
        const idx some = least(PART, classes - at);
        exponentials(x + at, max, some, e);
        add_to_partials(e, some, partial);
    }
    const double sum = tree_16(partial);
    exponentials(x + first, max, part, e);
    for (idx c = 0; c < part; c++) sums[c] += weight * (e[c] / sum);
}

void combine_classes(const float *x, const float *weights, float *y, idx rows, idx members, idx classes)
{
    double sums[PART];
    for (idx r = 0; r < rows; r++, x += members * classes, y += classes) {
        for (idx first = 0; first < classes; first += PART) {
            const idx part = least(PART, classes - first);
            memset(sums, 0, sizeof sums);
            for (idx m = 0; m < members; m++) add_probabilities(x + m * classes, classes, weights[m], first, part, sums);
            for (idx c = 0; c < part; c++) y[first + c] = (float)log_(sums[c]);
        }
    }
}

void combine_logits(const float *x, const float *weights, float *y, idx rows, idx members)
{
    for (idx r = 0; r < rows; r++, x += members) {
        double yes = 0, no = 0;
        for (idx m = 0; m < members; m++) {
            yes += (double)weights[m] * sigmoid_(x[m]);
            no += (double)weights[m] * sigmoid_(-(double)x[m]);
        }
        y[r] = (float)(log_(yes) - log_(no));
    }
}

void combine_values(const float *x, const float *weights, const float *range, float *y, idx rows, idx members)
{
    for (idx r = 0; r < rows; r++, x += members) {
        double sum = 0;
        for (idx m = 0; m < members; m++) sum += (double)weights[m] * within(x[m], range[0], range[1]);
        y[r] = (float)sum;
    }
}
