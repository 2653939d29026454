/* A network as a list of operations, which runs whole: one call a slice of a training step.
 *
 * Python makes the list (reprise/arithmetic/network.py) and owns all memory; a program belongs to one thread, its
 * parameters and what is packed of them to all programs of a network.
 * The structures below are mirrored in reprise/arithmetic/structures.py, field by field.
 */
#ifndef PROGRAM_H
#define PROGRAM_H
#include "families.h"
#include "layers.h"
#include <stdatomic.h>

enum kind { LINEAR, CONVOLUTION, ACTIVATION, BATCH_NORM, LAYER_NORM, GROUP_NORM, DROPOUT, MAX_POOL, AVERAGE_POOL,
            GLOBAL_AVERAGE, FLATTEN, SUM, MULTIPLY, SCALE, MOVE, JOIN, PARAMETER, MATRICES, SOFTMAX, EMBEDDING,
            PIECEWISE, MEMBERS };
enum answer { OF_CLASSES, OF_LOGITS, OF_VALUES }; /* what members' outputs are */

/* Values are numbered; value 0 is the network's input. `weight` and `bias` are places in the parameters, -1: none. */
typedef struct {
    idx kind, x, x2, y, weight, bias;
    idx relu;                /* the output goes through ReLU (1) or ReLU6 (2) */
    idx floats;              /* of the output, a row */
    idx pixels, channels;    /* of the input, where it is an image: pixels a row */
    idx wants_gx, wants_gx2; /* whether the gradient by an input is wanted */
    idx adds_gx, adds_gx2;   /* ... and is added to that of a later use of the same value */
    idx x_floats, x2_floats; /* of the inputs, a row */
    idx choice;              /* which activation; whether an average counts the padding; a norm's groups; whether a number
                              * is added; a causal softmax's rows, else 0; how many rows an embedding has;
                              * what members' outputs are (there pixels: members, channels: outputs of one) */
    idx stream, keep_below;  /* dropout: which of the network's, and below which word a value is kept */
    double number;           /* dropout: the scale; activation: the slope; norms: epsilon; scale: the factor */
    float *running_mean, *running_variance;
    double *mean, *variance; /* batch norm: this slice's, for the backward pass */
    float *statistics;       /* batch norm: mean and unbiased variance, [2, channels], left for the step */
    float *packed, *packed_for_gradient;
    linear linear;
    convolution convolution;
    window window;
    strides strides;
    matrix_pairs matrices;
    piecewise piecewise;
} operation;

/* The version of the parameters that is being packed, and the one that is packed: one thread does it for all. */
typedef struct { _Atomic idx begun, done; } packing;

typedef struct {
    const operation *operations;
    idx count, outputs;     /* floats that come out a row */
    idx members;            /* 1, or how many models' outputs the last value holds in training; each has a loss */
    float *const *values;   /* by number */
    float *const *gradients; /* by number; null where none is wanted */
    float *spare;           /* room for the largest gradient, where one is added to another */
    const float *parameters;
    packing *packings;      /* [count, 2]: for the forward pass, for the gradient; shared, as what is packed is */
    idx version;            /* of the parameters: weights are packed anew when it changes */
} program;

enum loss { CROSS_ENTROPY, BINARY_CROSS_ENTROPY, SQUARED_ERROR, HUBER };

/* Rows of resident data. `images` null: x holds floats. `changes` null: they are used as they are, or as `images` says. */
typedef struct {
    const void *x;
    const int64_t *numbers; /* of the rows, in order */
    idx rows, width;        /* width: values a row */
    const image_rows *images;
    const augmentation *changes; /* maps null: images are changed as `images` says; partners null: none is mixed */
} row_source;

typedef struct {
    row_source source;
    const void *targets; /* int64_t classes or float values, by row number */
    idx loss;
    double smoothing, delta, scale;
    const float *class_weights;
    uint64_t dropout_key;
    float *gradients;    /* laid out as the parameters; null: only the figures are wanted */
    double loss_sum, correct; /* results */
} slice_job;

EXPORT void program_train(program *p, slice_job *job);
EXPORT void program_judge(program *p, slice_job *job); /* loss_sum and correct, in evaluation mode */
EXPORT void program_outputs(program *p, const row_source *source, float *outputs);
EXPORT const char *isa_name(void);

#endif
