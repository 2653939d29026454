/* Linear layers and convolutions: forward, and the gradients by the input, the weights and the bias.
 *
 * Activations are [rows, features] or [rows, height, width, channels]; weights lie as torch stores them,
 * [out, in] and [out, in of a group, kernel height, kernel width], and are packed once for many calls.
 */
#ifndef LAYERS_H
#define LAYERS_H
#include "arithmetic.h"

typedef struct { idx in, out; } linear;
typedef struct {
    idx height, width, in, out_height, out_width, out; /* of one image; channels last */
    idx kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
} convolution;

/* Floats that packed weights take, for the forward pass and for the gradient by the input. */
EXPORT idx linear_packed(const linear *d, int for_gradient);
EXPORT void linear_pack(const linear *d, const float *w, int for_gradient, float *packed);
EXPORT void linear_forward(const linear *d, idx rows, const float *x, const float *packed, const float *bias, int relu, float *y);
EXPORT void linear_input_gradient(const linear *d, idx rows, const float *gy, const float *packed, float *gx);
/* gb may be null */
EXPORT void linear_weight_gradient(const linear *d, idx rows, const float *gy, const float *x, float *gw, float *gb);

EXPORT idx convolution_packed(const convolution *d, int for_gradient);
EXPORT void convolution_pack(const convolution *d, const float *w, int for_gradient, float *packed);
EXPORT void convolution_forward(const convolution *d, idx rows, const float *x, const float *packed, const float *bias, int relu, float *y);
EXPORT void convolution_input_gradient(const convolution *d, idx rows, const float *gy, const float *packed, float *gx);
EXPORT void convolution_weight_gradient(const convolution *d, idx rows, const float *gy, const float *x, float *gw, float *gb);

/* depthwise.c: one channel a group; called by the functions above */
int is_depthwise(const convolution *d);
void depthwise_pack(const convolution *d, const float *w, float *packed);
void depthwise_forward(const convolution *d, idx rows, const float *x, const float *packed, const float *bias, int relu, float *y);
void depthwise_input_gradient(const convolution *d, idx rows, const float *gy, const float *packed, float *gx);
void depthwise_weight_gradient(const convolution *d, idx rows, const float *gy, const float *x, float *gw);

/* matrices.c: products of pairs of matrices, which lie side by side: y = a·b, a [height, inner], b [inner, width],
 * or transposed [width, inner]. `packed` has room for one b; ga or gb may be null. */
typedef struct { idx pairs, height, inner, width, transposed; } matrix_pairs;
EXPORT idx matrices_packed(const matrix_pairs *d);
EXPORT void matrices_forward(const matrix_pairs *d, idx rows, const float *a, const float *b, float *packed, float *y);
EXPORT void matrices_first_gradient(const matrix_pairs *d, idx rows, const float *gy, const float *b, float *packed, float *ga);
EXPORT void matrices_second_gradient(const matrix_pairs *d, idx rows, const float *gy, const float *a, float *gb);

/* [rows, pixels, channels] → [rows, channels, pixels] and back, as flattening needs */
EXPORT void swap_inner(const float *x, float *y, idx rows, idx outer, idx inner);
/* pack.c: for each column the sum over m rows, in double, in order */
void column_sums(const float *x, idx m, idx columns, float *sums);
#endif
