/* Runs a network's operations: packs what they need, takes rows, judges outputs. */
#include "program.h"
#include "environment.h"
#include "passes.h"
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
