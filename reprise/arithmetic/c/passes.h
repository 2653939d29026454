/* One operation forwards, and all of them backwards. */
#ifndef PASSES_H
#define PASSES_H
#include "program.h"

/* Whether a slice has more than one value a channel, so that batch norm has a variance of its own. */
INLINE int has_statistics(const operation *o, idx rows) { return rows * o->pixels > 1; }

void forward_one(program *p, const operation *o, idx rows, int training, uint64_t dropout_key);
void backward(program *p, idx rows, const slice_job *job);

#endif
