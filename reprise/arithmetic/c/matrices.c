/* Products of pairs of matrices. Each is a linear layer of its own: b, transposed or not, lies as its weights do. */
#include "layers.h"

/* b as a layer's weights [out, in]: transposed b maps inner to width, plain b is the gradient of one that maps width to inner. */
static linear layer_of(const matrix_pairs *d)
{
    return d->transposed ? (linear){d->inner, d->width} : (linear){d->width, d->inner};
}

idx matrices_packed(const matrix_pairs *d)
{
    const linear l = layer_of(d);
    return most(linear_packed(&l, 0), linear_packed(&l, 1));
}

/* x times b's weights: as the forward pass, which sums over `in`, or as the gradient by the input, which sums over `out`. */
static void by_weights(const linear *l, idx height, const float *x, const float *b, int as_gradient, float *packed, float *y)
{
    linear_pack(l, b, as_gradient, packed);
    if (as_gradient) linear_input_gradient(l, height, x, packed, y);
    else linear_forward(l, height, x, packed, 0, 0, y);
}

void matrices_forward(const matrix_pairs *d, idx rows, const float *a, const float *b, float *packed, float *y)
{
    const linear l = layer_of(d);
    for (idx p = 0; p < rows * d->pairs; p++)
        by_weights(&l, d->height, a + p * d->height * d->inner, b + p * d->inner * d->width, !d->transposed, packed,
                   y + p * d->height * d->width);
}

void matrices_first_gradient(const matrix_pairs *d, idx rows, const float *gy, const float *b, float *packed, float *ga)
{
    const linear l = layer_of(d);
    for (idx p = 0; p < rows * d->pairs; p++)
        by_weights(&l, d->height, gy + p * d->height * d->width, b + p * d->inner * d->width, (int)d->transposed, packed,
                   ga + p * d->height * d->inner);
}

void matrices_second_gradient(const matrix_pairs *d, idx rows, const float *gy, const float *a, float *gb)
{
    const linear l = layer_of(d);
    for (idx p = 0; p < rows * d->pairs; p++) {
        const float *from = a + p * d->height * d->inner, *g = gy + p * d->height * d->width;
        linear_weight_gradient(&l, d->height, d->transposed ? g : from, d->transposed ? from : g, gb + p * d->inner * d->width, 0);
    }
}
