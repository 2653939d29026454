/* Runs a network's operations: packs what they need, takes rows, judges outputs. */
#include "program.h"
#include "environment.h"
#include "passes.h"
#include "product.h"
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

static void gather(const row_source *s, const int64_t *numbers, idx rows, uint8_t *room, float *y)
{
    if (!s->images) gather_floats(s->x, numbers, rows, s->width, y);
    else if (room) augment_images(s->x, numbers, rows, s->images, s->changes, room, y);
    else gather_images(s->x, numbers, rows, s->images, y);
}

/* The rows as the network takes them, changed and mixed with their partners */
static void take_rows(const row_source *s, float *y)
{
    const augmentation *changes = s->changes;
    if (changes) reserve(2 * s->width);
    uint8_t *room = changes && changes->maps ? (uint8_t *)take(s->width) : 0;
    gather(s, s->numbers, s->rows, room, y);
    if (!changes || !changes->partners) return;
    float *other = take(s->width);
    for (idx r = 0; r < s->rows; r++) {
        const idx number = (idx)s->numbers[r];
        gather(s, changes->partners + number, 1, room, other);
        mix(y + r * s->width, other, changes->shares[number], s->width);
    }
}

static void forward(program *p, const row_source *s, int training, uint64_t dropout_key)
{
    pack(p, training);
    take_rows(s, p->values[0]);
    for (idx i = 0; i < p->count; i++) forward_one(p, p->operations + i, s->rows, training, dropout_key);
}

/* A row's loss by one target, times `weight`, and its gradient; whether it is correct counts as much. */
static void judge_target(const program *p, slice_job *job, idx number, const float *x, double weight, double scale,
                         float *gx)
{
    if (job->loss == SQUARED_ERROR || job->loss == HUBER) {
        const float *value = (const float *)job->targets + number;
        job->loss_sum += weight * (job->loss == HUBER ? huber(x, value, 1, job->delta, scale * weight, gx)
                                                      : squared_error(x, value, 1, scale * weight, gx));
        return;
    }
    const int64_t *class = (const int64_t *)job->targets + number;
    const double loss = job->loss == CROSS_ENTROPY
        ? cross_entropy(x, class, 1, p->outputs, job->smoothing, job->class_weights, scale * weight, gx)
        : binary_cross_entropy(x, class, 1, job->smoothing, job->class_weights, scale * weight, gx);
    job->loss_sum += weight * loss;
    job->correct += weight * (double)count_correct(x, class, 1, p->outputs);
}

/* Judges the outputs of mixed rows by their own target and by their partner's, weighted by the shares. */
static void judge_mixed(const program *p, slice_job *job, idx members, double scale, float *gradient)
{
    const augmentation *changes = job->source.changes;
    const float *x = p->values[p->operations[p->count - 1].y];
    reserve(p->outputs);
    float *others = take(p->outputs);
    for (idx i = 0; i < job->source.rows * members; i++, x += p->outputs, gradient += p->outputs) {
        const idx number = (idx)job->source.numbers[i / members];
        const float share = changes->shares[number], rest = 1 - share;
        judge_target(p, job, number, x, share, scale, gradient);
        judge_target(p, job, (idx)changes->partners[number], x, rest, scale, others);
        add(gradient, others, gradient, p->outputs);
    }
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
    const int mixed = job->source.changes && job->source.changes->partners;
    job->loss_sum = job->correct = 0;
    if (mixed) judge_mixed(p, job, members, scale, gradient);
    for (idx first = mixed ? rows : 0; first < rows; first += 256) {
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
