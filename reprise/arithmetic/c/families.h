/* The operations that are not products: one C file a family.
 *
 * x is a layer's input, y its output, gx and gy the loss's gradients by them. Images lie pixel by pixel:
 * [rows, height, width, channels]. Functions may be called with gx == gy or y == x where the comment says so.
 */
#ifndef FAMILIES_H
#define FAMILIES_H
#include "arithmetic.h"

/* activations.c (elementwise; y == x and gx == gy are allowed; x may be null in the gradient of those that need y alone) */
enum activation { RELU_, RELU6_, LEAKY_RELU_, GELU_, SILU_, SIGMOID_, TANH_ };
EXPORT void activation_forward(int kind, double slope, const float *x, float *y, idx n);
EXPORT void activation_backward(int kind, double slope, const float *x, const float *y, const float *gy, float *gx, idx n);

/* softmax.c: along rows of n values */
EXPORT void softmax_forward(const float *x, float *y, idx rows, idx n);
/* row i, counted anew after every `height` rows, has i + 1 values that take part; the others give +0 */
EXPORT void softmax_causal(const float *x, float *y, idx rows, idx height, idx n);
EXPORT void softmax_backward(const float *y, const float *gy, float *gx, idx rows, idx n);

/* losses.c: the sum over rows, in double, in row order; gx (or null) is the gradient times `scale`, which is
 * 1 / rows of the whole batch. `weights` (or null): one a class; a row's loss is multiplied by its class's. */
EXPORT double cross_entropy(const float *x, const int64_t *target, idx rows, idx classes, double smoothing,
                            const float *weights, double scale, float *gx);
EXPORT double binary_cross_entropy(const float *x, const int64_t *target, idx rows, double smoothing,
                                   const float *weights, double scale, float *gx);
EXPORT double squared_error(const float *x, const float *target, idx rows, double scale, float *gx);
EXPORT double huber(const float *x, const float *target, idx rows, double delta, double scale, float *gx);
EXPORT int64_t count_correct(const float *x, const int64_t *target, idx rows, idx classes); /* classes 1: x > 0 */
EXPORT void class_probabilities(const float *x, double *p, idx rows, idx classes); /* in double; classes 1: two columns */

/* In the norms weight and bias may be null (1 and 0), of the gradients any that is not wanted; gx == gy is allowed.
 * batch_norm.c: x is [m, channels]; the variance is the biased one, divided by m. With y_of_relu (the fused ReLU's
 * output; or null) gy counts only where it is > 0. */
EXPORT void batch_norm_statistics(const float *x, idx m, idx channels, double *mean, double *variance);
EXPORT void batch_norm_apply(const float *x, const double *mean, const double *variance, const float *weight,
                             const float *bias, double eps, int relu, float *y, idx m, idx channels);
EXPORT void batch_norm_backward(const float *x, const float *y_of_relu, const double *mean, const double *variance,
                                const float *weight, double eps, const float *gy, float *gx, float *gweight,
                                float *gbias, idx m, idx channels);

/* layer_norm.c; statistics, [rows, 2], are written by forward and read by backward */
EXPORT void layer_norm_forward(const float *x, const float *weight, const float *bias, double eps, float *y,
                               float *statistics, idx rows, idx n);
EXPORT void layer_norm_backward(const float *x, const float *statistics, const float *weight, const float *gy, float *gx,
                                float *gweight, float *gbias, idx rows, idx n);

/* group_norm.c; x: [rows, pixels, channels]; statistics: [rows, groups, 2] */
EXPORT void group_norm_forward(const float *x, const float *weight, const float *bias, double eps, idx groups, float *y,
                               float *statistics, idx rows, idx pixels, idx channels);
EXPORT void group_norm_backward(const float *x, const float *statistics, const float *weight, idx groups, const float *gy,
                                float *gx, float *gweight, float *gbias, idx rows, idx pixels, idx channels);

/* pooling.c: padding is never the maximum; count_padding: it counts in an average's divisor (as zeros) */
typedef struct { idx height, width, channels, out_height, out_width, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w; } window;
EXPORT void max_pool_forward(const float *x, float *y, idx rows, const window *w);
EXPORT void max_pool_backward(const float *x, const float *gy, float *gx, idx rows, const window *w);
EXPORT void average_pool_forward(const float *x, float *y, idx rows, const window *w, int count_padding);
EXPORT void average_pool_backward(const float *gy, float *gx, idx rows, const window *w, int count_padding);
EXPORT void global_average_forward(const float *x, float *y, idx rows, idx pixels, idx channels);
EXPORT void global_average_backward(const float *gy, float *gx, idx rows, idx pixels, idx channels);

/* random.c: Philox4x32-10 (Salmon et al., 2011); element i takes word i % 4 of block i / 4 of (key, stream) */
EXPORT void random_words(uint64_t key, uint32_t stream, idx first_block, uint32_t *words, idx blocks);
EXPORT void dropout(const float *x, float *y, idx n, uint64_t key, uint32_t stream, uint32_t keep_below, float scale);

/* embedding.c: `index` holds whole numbers; what is none of 0 … count - 1 gives NaN and has no gradient */
EXPORT void embedding_forward(const float *index, const float *weight, float *y, idx rows, idx count, idx width);
EXPORT void embedding_backward(const float *index, const float *gy, float *gweight, idx rows, idx count, idx width);

/* moves.c: y, side by side, holds for each place of the axes (the last one runs fastest) the value of a row of x, of
 * x_floats, at first + sum of place * step. The gradient of a value is the sum over its places in y. */
#define MOST_AXES 5
typedef struct { idx first, size[MOST_AXES], step[MOST_AXES]; } strides;
EXPORT void move_forward(const float *x, float *y, idx rows, idx x_floats, const strides *s);
EXPORT void move_backward(const float *gy, float *gx, idx rows, idx x_floats, const strides *s);
/* m values of one and n of the other, in turn */
EXPORT void join_forward(const float *a, const float *b, float *y, idx turns, idx m, idx n);
EXPORT void join_backward(const float *gy, float *ga, float *gb, idx turns, idx m, idx n); /* either may be null */

/* piecewise.c: y [rows, features, 1 + bins] from x [rows, columns]. `table`: the scores of the knots, then for each
 * feature its column, its knots (ascending), its bins + 1 edges (ascending) */
typedef struct { idx features, columns, knots, bins; } piecewise;
EXPORT void piecewise_forward(const piecewise *d, idx rows, const float *x, const float *table, float *y);

/* members.c: x is [rows, members, outputs]; the weights of the members should have the sum 1 */
EXPORT void combine_classes(const float *x, const float *weights, float *y, idx rows, idx members, idx classes);
EXPORT void combine_logits(const float *x, const float *weights, float *y, idx rows, idx members);
EXPORT void combine_values(const float *x, const float *weights, const float *range, float *y, idx rows, idx members);

/* updates.c: a parameter's gradient is the sum of its slices' in order, times `factor` (that of clipping) */
typedef struct { double rate, weight_decay, factor, momentum, beta1, beta2, eps, correction1, correction2; int decoupled; } update;
EXPORT void add_slices(float *const *g, idx slices, idx n); /* into g[0] */
EXPORT double sum_of_squares(float *const *g, idx slices, idx n); /* of the sums; blocks of 65,536 values */
/* what threads share: one sum a block, from block `first` on; added in the order of the blocks they are sum_of_squares */
EXPORT void squares_of_blocks(float *const *g, idx slices, idx n, idx first, idx blocks, double *sums);
EXPORT void sgd(float *p, float *velocity, float *const *g, idx slices, idx n, const update *u); /* velocity may be null */
EXPORT void adam(float *p, float *mean, float *square, float *const *g, idx slices, idx n, const update *u);

/* rows.c: rows of the resident data, by number, as the model takes them */
typedef struct { idx channels, height, width, reach; const float *mean, *std; const int64_t *down, *right; const uint8_t *mirrored; } image_rows;
EXPORT void gather_images(const uint8_t *x, const int64_t *numbers, idx rows, const image_rows *how, float *y);
EXPORT void gather_floats(const float *x, const int64_t *numbers, idx rows, idx width, float *y);

/* augment.c: changes of the rows, each by the row's number. `maps`: [all rows, 6], where in the image a pixel comes
 * from, in 2^-16 pixels: column m0 u + m1 v + m2, row m3 u + m4 v + m5, u = 2 column + 1 - width, v = 2 row + 1 - height,
 * all within 32 bits. `colours` (or null): [all rows, 3], factors of brightness, contrast and saturation in 2^-16, to
 * 2^17. `holes` (or null): [all rows, 4], top, left, bottom, right. `room` has the size of an image. */
typedef struct { const int32_t *maps, *colours, *holes; const int64_t *partners; const float *shares; } augmentation;
EXPORT void augment_images(const uint8_t *x, const int64_t *numbers, idx rows, const image_rows *how,
                           const augmentation *changes, uint8_t *room, float *y);
EXPORT void mix(float *y, const float *other, float share, idx n); /* share y + (1 - share) other */

EXPORT void multiply_values(const float *a, const float *b, float *y, idx n);
EXPORT void scale(const float *x, float factor, float *y, idx n);
EXPORT void shift(const float *x, float by, float *y, idx n);
EXPORT void add(const float *a, const float *b, float *y, idx n);
EXPORT void add_relu(const float *a, const float *b, float *y, idx n);
EXPORT void relu_mask(const float *y, const float *gy, float *gx, idx n); /* gy where y > 0, else +0 */

/* solve.c: linear models, in double. A row is its values less the columns' means, then 1; w and g: [outputs, columns + 1]. */
EXPORT void column_means(const float *x, idx rows, idx columns, double *mean);
/* g[i][j] = the sum over the rows of value i * value j, [columns + 1, columns + 1]; written for j >= i alone */
EXPORT void gram(const float *x, const double *mean, idx rows, idx columns, double *g);
EXPORT void factorise(double *a, idx n); /* Cholesky: U with a = U'U in the place of a; only j >= i is read and written */
EXPORT void solve(const double *u, double *b, idx n, idx systems); /* U'U x = b for rows of b, in their place */
EXPORT double sum_of_products(const double *a, const double *b, idx n);
/* the sum over rows of enum loss (program.h; not HUBER), and its gradient; targets: int64_t classes or float values */
EXPORT double linear_loss(int loss, const float *x, const double *mean, const void *targets, idx rows, idx columns,
                          idx outputs, double smoothing, const double *w, double *g);

#endif
