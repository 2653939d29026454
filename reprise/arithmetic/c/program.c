/* Runs a network's operations forwards and backwards. */
#include "program.h"
#include "environment.h"
#include "sharing.h"
#include <string.h>

static int has_packed(const operation *o, int for_gradient)
{
    return (o->kind == LINEAR || o->kind == CONVOLUTION) && (for_gradient ? o->packed_for_gradient : o->packed);
}

static void pack_one(const operation *o, const float *w, int for_gradient)
{
    float *packed = for_gradient ? o->packed_for_gradient : o->packed;
    if (o->kind == LINEAR) linear_pack(&o->linear, w, for_gradient, packed);
    else convolution_pack(&o->convolution, w, for_gradient, packed);
}

/* Packs the weights that no other thread has begun to pack, then waits until the others' are packed too. */
static void pack(program *p, int training)
{
    for (idx i = 0; i < p->count; i++) {
        const operation *o = p->operations + i;
        for (int g = 0; g <= training; g++) {
            packing *state = &p->packings[2 * i + g];
            if (!has_packed(o, g) || !begin_packing(state, p->version)) continue;
            pack_one(o, p->parameters + o->weight, g);
            end_packing(state, p->version);
        }
    }
    for (idx i = 0; i < p->count; i++) {
        for (int g = 0; g <= training; g++) {
            if (has_packed(p->operations + i, g)) wait_until(&p->packings[2 * i + g].done, p->version);
        }
    }
}

INLINE int has_statistics(const operation *o, idx rows) { return rows * o->pixels > 1; }

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

static void forward_one(program *p, const operation *o, idx rows, int training, uint64_t dropout_key)
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

/* The gradients of an operation by its parameters, into job->gradients, and by its input, into gx (null: not wanted). */
static void backward_one(program *p, const operation *o, idx rows, const slice_job *job, float *gx)
{
    const float *x = o->x < 0 ? 0 : p->values[o->x], *y = p->values[o->y], *w = o->weight < 0 ? 0 : p->parameters + o->weight;
    float *gy = p->gradients[o->y], *gw = o->weight < 0 ? 0 : job->gradients + o->weight, *gb = o->bias < 0 ? 0 : job->gradients + o->bias;
    const idx n = rows * o->floats;
    switch (o->kind) {
    case LINEAR:
        if (o->relu) relu_mask(y, gy, gy, n);
        linear_weight_gradient(&o->linear, rows * o->pixels, gy, x, gw, gb);
        if (gx) linear_input_gradient(&o->linear, rows * o->pixels, gy, o->packed_for_gradient, gx);
        break;
    case CONVOLUTION:
        if (o->relu) relu_mask(y, gy, gy, n);
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
static void backward(program *p, idx rows, const slice_job *job)
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

static void forward(program *p, const row_source *s, int training, uint64_t dropout_key)
{
    pack(p, training);
    if (s->images) gather_images(s->x, s->numbers, s->rows, s->images, p->values[0]);
    else gather_floats(s->x, s->numbers, s->rows, s->width, p->values[0]);
    for (idx i = 0; i < p->count; i++) forward_one(p, p->operations + i, s->rows, training, dropout_key);
}

/* Judges the outputs of a slice; leaves their gradient where it is wanted. In training each member is judged by
 * itself, and the figures are the members' mean. */
static void judge(program *p, slice_job *job, idx members, float *gradient)
{
    const idx rows = job->source.rows * members;
    const double scale = job->scale / (double)members;
    const float *outputs = p->values[p->operations[p->count - 1].y];
    int64_t classes[256];
    float values[256];
    job->loss_sum = job->correct = 0;
    for (idx first = 0; first < rows; first += 256) {
        const idx some = least(256, rows - first);
        const int64_t *numbers = job->source.numbers;
        const float *x = outputs + first * p->outputs;
        float *gx = gradient ? gradient + first * p->outputs : 0;
        if (job->loss == SQUARED_ERROR || job->loss == HUBER) {
            for (idx i = 0; i < some; i++) values[i] = ((const float *)job->targets)[numbers[(first + i) / members]];
            job->loss_sum += job->loss == HUBER ? huber(x, values, some, job->delta, scale, gx)
                                                : squared_error(x, values, some, scale, gx);
            continue;
        }
        for (idx i = 0; i < some; i++) classes[i] = ((const int64_t *)job->targets)[numbers[(first + i) / members]];
        job->loss_sum += job->loss == CROSS_ENTROPY
            ? cross_entropy(x, classes, some, p->outputs, job->smoothing, job->class_weights, scale, gx)
            : binary_cross_entropy(x, classes, some, job->smoothing, job->class_weights, scale, gx);
        job->correct += (double)count_correct(x, classes, some, p->outputs);
    }
    job->loss_sum /= (double)members;
    job->correct /= (double)members;
}

void program_train(program *p, slice_job *job)
{
    const float_environment saved = enter();
    forward(p, &job->source, 1, job->dropout_key);
    judge(p, job, p->members, p->gradients[p->operations[p->count - 1].y]);
    backward(p, job->source.rows, job);
    leave(saved);
}

void program_judge(program *p, slice_job *job)
{
    const float_environment saved = enter();
    forward(p, &job->source, 0, 0);
    judge(p, job, 1, 0);
    leave(saved);
}

void program_outputs(program *p, const row_source *source, float *outputs)
{
    const float_environment saved = enter();
    forward(p, source, 0, 0);
    memcpy(outputs, p->values[p->operations[p->count - 1].y], (size_t)(source->rows * p->outputs) * sizeof(float));
    leave(saved);
}

const char *isa_name(void) { return ISA_NAME; }
