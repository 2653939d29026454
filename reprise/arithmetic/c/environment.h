/* The processor's floating-point settings: round to nearest, denormals kept, whatever the caller had. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H
#include "vector.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
typedef unsigned int float_environment;
INLINE float_environment enter(void)
{
    const float_environment saved = _mm_getcsr();
    _mm_setcsr(0x1F80); /* as a process starts: nearest, no flushing to zero, all exceptions masked */
    return saved;
}
INLINE void leave(float_environment saved) { _mm_setcsr(saved); }
#else
typedef uint64_t float_environment;
INLINE float_environment enter(void)
{
    float_environment saved;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return saved;
}
INLINE void leave(float_environment saved) { __asm__ volatile("msr fpcr, %0" : : "r"(saved)); }
#endif

#endif
