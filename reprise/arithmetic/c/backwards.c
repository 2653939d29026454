/* The gradients of each kind of operation, the last operation first. */
#include "passes.h"
#include <string.h>

/* With running statistics, which don't depend on the slice, the gradient is a scale alone. */
static void batch_norm_gradients(program *p, const operation *o, idx rows, const slice_job *job, float *gx)
{
    const float *x = p->values[o->x], *y = p->values[o->y], *w = o->weight < 0 ? 0 : p->parameters + o->weight;
    float *gy = p->gradients[o->y], *gw = o->weight < 0 ? 0 : job->gradients + o->weight;
    float *gb = o->bias < 0 ? 0 : job->gradients + o->bias;
    const idx m = rows * o->pixels;
    if (has_statistics(o, rows)) {
        batch_norm_backward(x, o->relu ? y : 0, o->mean, o->variance, w, o->number, gy, gx, gw, gb, m, o->channels);
        return;
    }
    if (o->relu) relu_mask(y, gy, gy, m * o->channels);
    batch_norm_backward(x, 0, o->mean, o->variance, w, o->number, gy, 0, gw, gb, m, o->channels);
    for (idx c = 0; c < o->channels; c++) o->mean[c] = 0;
    if (gx) batch_norm_apply(gy, o->mean, o->variance, w, 0, o->number, 0, gx, m, o->channels);
}

/* The gradient before the ReLU or ReLU6 that an operation did on the way. */
static void before_relu(const operation *o, const float *y, float *gy, idx n)
{
    if (o->relu == 1) relu_mask(y, gy, gy, n);
    else if (o->relu) activation_backward(RELU6_, 0, 0, y, gy, gy, n);
}

/* The gradients of an operation by its parameters, into job->gradients, and by its input, into gx (null: not wanted). */
static void backward_one(program *p, const operation *o, idx rows, const slice_job *job, float *gx)
{
    const float *x = o->x < 0 ? 0 : p->values[o->x], *y = p->values[o->y], *w = o->weight < 0 ? 0 : p->parameters + o->weight;
    float *gy = p->gradients[o->y], *gw = o->weight < 0 ? 0 : job->gradients + o->weight, *gb = o->bias < 0 ? 0 : job->gradients + o->bias;
    const idx n = rows * o->floats;
    switch (o->kind) {
    case LINEAR:
        before_relu(o, y, gy, n);
        linear_weight_gradient(&o->linear, rows * o->pixels, gy, x, gw, gb);
        if (gx) linear_input_gradient(&o->linear, rows * o->pixels, gy, o->packed_for_gradient, gx);
        break;
    case CONVOLUTION:
        before_relu(o, y, gy, n);
        convolution_weight_gradient(&o->convolution, rows, gy, x, gw, gb);
        if (gx) convolution_input_gradient(&o->convolution, rows, gy, o->packed_for_gradient, gx);
        break;
    case ACTIVATION: if (gx) activation_backward((int)o->choice, o->number, x, y, gy, gx, n); break;
    case BATCH_NORM: batch_norm_gradients(p, o, rows, job, gx); break;
    case LAYER_NORM: layer_norm_backward(x, o->statistics, w, gy, gx, gw, gb, n / o->channels, o->channels); break;
    case GROUP_NORM:
        group_norm_backward(x, o->statistics, w, o->choice, gy, gx, gw, gb, rows, o->pixels, o->channels);
        break;
    case DROPOUT:
        if (gx) dropout(gy, gx, n, job->dropout_key, (uint32_t)o->stream, (uint32_t)o->keep_below, (float)o->number);
        break;
    case MAX_POOL: if (gx) max_pool_backward(x, gy, gx, rows, &o->window); break;
    case AVERAGE_POOL: if (gx) average_pool_backward(gy, gx, rows, &o->window, (int)o->choice); break;
    case GLOBAL_AVERAGE: if (gx) global_average_backward(gy, gx, rows, o->pixels, o->channels); break;
    case FLATTEN: if (gx) swap_inner(gy, gx, rows, o->channels, o->pixels); break;
    case MOVE: if (gx) move_backward(gy, gx, rows, o->x_floats, &o->strides); break;
    case SCALE:
        if (gx && o->choice) memcpy(gx, gy, (size_t)n * sizeof *gx);
        else if (gx) scale(gy, (float)o->number, gx, n);
        break;
    case MEMBERS: if (gx) memcpy(gx, gy, (size_t)n * sizeof *gx); break;
    case SOFTMAX: if (gx) softmax_backward(y, gy, gx, n / o->channels, o->channels); break;
    case PARAMETER: column_sums(gy, rows, o->floats, gw); break;
    case EMBEDDING: embedding_backward(x, gy, gw, rows * o->pixels, o->choice, o->channels); break;
    default: break;
    }
}

/* The gradient of an operation with two inputs by the first (0) or the second (1) of them. */
static void backward_joint(program *p, const operation *o, idx rows, int which, float *gx)
{
    const float *x = p->values[o->x], *x2 = p->values[o->x2], *gy = p->gradients[o->y];
    const idx n = rows * o->floats;
    switch (o->kind) {
    case MULTIPLY: multiply_values(gy, which ? x : x2, gx, n); break;
    case JOIN: join_backward(gy, which ? 0 : gx, which ? gx : 0, n / (o->pixels + o->channels), o->pixels, o->channels); break;
    case MATRICES:
        if (which) matrices_second_gradient(&o->matrices, rows, gy, x, gx);
        else matrices_first_gradient(&o->matrices, rows, gy, x2, o->packed, gx);
        break;
    default: break;
    }
}

/* Hands a sum's gradient on to one of its inputs. */
static void backward_sum(program *p, const float *gy, idx n, idx x, idx wants, idx adds)
{
    float *gx = p->gradients[x];
    if (!wants) return;
    if (adds) add(gx, gy, gx, n);
    else memcpy(gx, gy, (size_t)n * sizeof(float));
}

/* The gradient of a value that several operations use is the sum of theirs, the last user's first. */
void backward(program *p, idx rows, const slice_job *job)
{
    for (const operation *o = p->operations + p->count - 1; o >= p->operations; o--) {
        if (o->kind == SUM) {
            float *gy = p->gradients[o->y];
            const idx n = rows * o->floats;
            if (o->relu) relu_mask(p->values[o->y], gy, gy, n);
            backward_sum(p, gy, n, o->x, o->wants_gx, o->adds_gx);
            backward_sum(p, gy, n, o->x2, o->wants_gx2, o->adds_gx2);
            continue;
        }
        for (int which = 0; which < (o->x2 < 0 ? 1 : 2); which++) {
            const idx number = which ? o->x2 : o->x, floats = which ? o->x2_floats : o->x_floats;
            const idx wants = which ? o->wants_gx2 : o->wants_gx, adds = which ? o->adds_gx2 : o->adds_gx;
            float *gx = !wants ? 0 : adds ? p->spare : p->gradients[number];
            if (o->x2 < 0) backward_one(p, o, rows, job, gx);
            else if (wants) backward_joint(p, o, rows, which, gx);
            if (wants && adds) add(p->gradients[number], gx, p->gradients[number], rows * floats);
        }
    }
}
