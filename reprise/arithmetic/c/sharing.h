/* A piece of work that several threads come to: the first one does it, and the others wait when they need it. */
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

/* Whether the caller is to do it for this version, because nobody has begun to. */
INLINE int begin_packing(packing *state, idx version)
{
    idx before = atomic_load_explicit(&state->begun, memory_order_relaxed);
    return before != version && atomic_compare_exchange_strong(&state->begun, &before, version);
}

INLINE void end_packing(packing *state, idx version)
{
    atomic_store_explicit(&state->done, version, memory_order_release);
}

/* The others are at it, for microseconds; the processor is theirs where there is only one. */
INLINE void await_packing(packing *state, idx version)
{
    while (atomic_load_explicit(&state->done, memory_order_acquire) != version) give_way();
}

#endif
