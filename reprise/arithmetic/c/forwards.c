/* What each kind of operation computes. */
#include "passes.h"
#include <string.h>

/* The slice's statistics, or the running ones where a slice has one value a channel, which has no variance. */
static void batch_norm(program *p, const operation *o, idx rows, int training, const float *x, float *y)
{
    const idx m = rows * o->pixels;
    const float *bias = o->bias < 0 ? 0 : p->parameters + o->bias, *weight = o->weight < 0 ? 0 : p->parameters + o->weight;
    if (training && has_statistics(o, rows)) {
        batch_norm_statistics(x, m, o->channels, o->mean, o->variance);
        for (idx c = 0; c < o->channels; c++) {
            o->statistics[c] = (float)o->mean[c];
            o->statistics[o->channels + c] = (float)(o->variance[c] * (double)m / (double)(m - 1));
        }
    } else {
        for (idx c = 0; c < o->channels; c++) {
            o->mean[c] = o->running_mean[c];
            o->variance[c] = o->running_variance[c];
        }
    }
    batch_norm_apply(x, o->mean, o->variance, weight, bias, o->number, (int)o->relu, y, m, o->channels);
}

/* Those with two inputs, and those that only put values elsewhere. */
static void forward_joint(program *p, const operation *o, idx rows, const float *x, float *y)
{
    const float *x2 = o->x2 < 0 ? 0 : p->values[o->x2];
    const idx n = rows * o->floats;
    switch (o->kind) {
    case SUM:
        if (o->relu) add_relu(x, x2, y, n);
        else add(x, x2, y, n);
        break;
    case MULTIPLY: multiply_values(x, x2, y, n); break;
    case JOIN: join_forward(x, x2, y, n / (o->pixels + o->channels), o->pixels, o->channels); break;
    case MATRICES: matrices_forward(&o->matrices, rows, x, x2, o->packed, y); break;
    case MOVE: move_forward(x, y, rows, o->x_floats, &o->strides); break;
    case PARAMETER:
        for (idx r = 0; r < rows; r++) memcpy(y + r * o->floats, p->parameters + o->weight, (size_t)o->floats * sizeof *y);
        break;
    default: break;
    }
}

/* In training each member has a loss of its own: their outputs stay as they are. */
static void combine(const operation *o, idx rows, int training, const float *x, const float *w, const float *range, float *y)
{
    if (training) memcpy(y, x, (size_t)(rows * o->floats) * sizeof *y);
    else if (o->choice == OF_VALUES) combine_values(x, w, range, y, rows, o->pixels);
    else if (o->choice == OF_LOGITS) combine_logits(x, w, y, rows, o->pixels);
    else combine_classes(x, w, y, rows, o->pixels, o->channels);
}

void forward_one(program *p, const operation *o, idx rows, int training, uint64_t dropout_key)
{
    const float *x = o->x < 0 ? 0 : p->values[o->x], *w = o->weight < 0 ? 0 : p->parameters + o->weight;
    const float *b = o->bias < 0 ? 0 : p->parameters + o->bias;
    float *y = p->values[o->y];
    const idx n = rows * o->floats;
    const int relu = (int)o->relu;
    switch (o->kind) {
    case LINEAR: linear_forward(&o->linear, rows * o->pixels, x, o->packed, b, relu, y); break;
    case CONVOLUTION: convolution_forward(&o->convolution, rows, x, o->packed, b, relu, y); break;
    case ACTIVATION: activation_forward((int)o->choice, o->number, x, y, n); break;
    case BATCH_NORM: batch_norm(p, o, rows, training, x, y); break;
    case LAYER_NORM: layer_norm_forward(x, w, b, o->number, y, o->statistics, n / o->channels, o->channels); break;
    case GROUP_NORM: group_norm_forward(x, w, b, o->number, o->choice, y, o->statistics, rows, o->pixels, o->channels); break;
    case DROPOUT:
        if (training) dropout(x, y, n, dropout_key, (uint32_t)o->stream, (uint32_t)o->keep_below, (float)o->number);
        else memcpy(y, x, (size_t)n * sizeof(float));
        break;
    case MAX_POOL: max_pool_forward(x, y, rows, &o->window); break;
    case AVERAGE_POOL: average_pool_forward(x, y, rows, &o->window, (int)o->choice); break;
    case GLOBAL_AVERAGE: global_average_forward(x, y, rows, o->pixels, o->channels); break;
    case FLATTEN: swap_inner(x, y, rows, o->pixels, o->channels); break;
    case SCALE:
        if (o->choice) shift(x, (float)o->number, y, n);
        else scale(x, (float)o->number, y, n);
        break;
    case SOFTMAX:
        if (o->choice) softmax_causal(x, y, n / o->channels, o->choice, o->channels);
        else softmax_forward(x, y, n / o->channels, o->channels);
        break;
    case EMBEDDING: embedding_forward(x, w, y, rows * o->pixels, o->choice, o->channels); break;
    case PIECEWISE: piecewise_forward(&o->piecewise, rows, x, w, y); break;
    case MEMBERS: combine(o, rows, training, x, w, b, y); break;
    default: forward_joint(p, o, rows, x, y);
    }
}
