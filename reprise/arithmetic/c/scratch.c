/* Scratch memory: one block a thread, kept for the next call. */
#include "product.h"
#include <stdlib.h>

#define ALIGNED 64 /* bytes: a cache line */
#define PAGE (2 << 20)

static _Thread_local struct {
    char *base, *start;
    size_t size, used;
} scratch;

void reserve(idx floats)
{
    const size_t bytes = ((size_t)floats * sizeof(float) / PAGE + 2) * PAGE;
    if (scratch.size < bytes) {
        free(scratch.base);
        scratch.base = malloc(bytes + ALIGNED);
        if (!scratch.base) abort(); /* as Python itself does when not even small blocks can be had */
        scratch.start = scratch.base + (ALIGNED - (uintptr_t)scratch.base % ALIGNED) % ALIGNED;
        scratch.size = bytes;
    }
    scratch.used = 0;
}

float *take(idx floats)
{
    char *part = scratch.start + scratch.used;
    /* One line more than needed, so that arrays of the same size don't all fall on the same sets of the cache. */
    scratch.used += ((size_t)floats * sizeof(float) / ALIGNED + 2) * ALIGNED;
    if (scratch.used > scratch.size) abort(); /* a kernel that reserved too little */
    return (float *)part;
}
