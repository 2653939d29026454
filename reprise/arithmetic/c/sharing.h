/* Work that the threads share out among themselves as they come to it: packing weights, and updates.
 *
 * A thread that the system wakes late finds its part done; one that finds the others at work waits for
 * microseconds, with the processor left to them where there is only one.
 */
#ifndef SHARING_H
#define SHARING_H
#include "program.h"

#ifdef _WIN32
__declspec(dllimport) int __stdcall SwitchToThread(void);
INLINE void give_way(void) { SwitchToThread(); }
#else
#include <sched.h>
INLINE void give_way(void) { sched_yield(); }
#endif

INLINE void wait_until(_Atomic idx *number, idx wanted)
{
    while (atomic_load_explicit(number, memory_order_acquire) != wanted) give_way();
}

/* Whether the caller is to pack for this version of the parameters, because nobody has begun to. */
INLINE int begin_packing(packing *state, idx version)
{
    idx before = atomic_load_explicit(&state->begun, memory_order_relaxed);
    return before != version && atomic_compare_exchange_strong(&state->begun, &before, version);
}
INLINE void end_packing(packing *state, idx version)
{
    atomic_store_explicit(&state->done, version, memory_order_release);
}

/* An update of `count` values. Adam's state is mean and square; SGD's is the velocity, or none: null. */
typedef struct {
    const update *settings;
    float *values, *mean, *square, *velocity;
    float *const *gradients; /* of the slices, in order */
    idx slices, count, adam;
    _Atomic idx begun, done; /* values; both 0 at first */
} shared_update;
/* Takes part; returns when all values are updated. */
EXPORT void share_update(shared_update *u);

#endif
