/* What all kernels share: sizes, the marks of functions, small helpers.
 *
 * Every result is a fixed sequence of IEEE-754 operations; docs/arithmetic.md defines them. So no file here
 * may be compiled with -ffast-math or with contraction (a * b + c stays two operations; FMA is asked for by name).
 */
#ifndef ARITHMETIC_H
#define ARITHMETIC_H
#include <stddef.h>
#include <stdint.h>

typedef ptrdiff_t idx; /* long has 32 bits on Windows */

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

INLINE idx least(idx a, idx b) { return a < b ? a : b; }
INLINE idx most(idx a, idx b) { return a > b ? a : b; }
INLINE idx blocks_of(idx n, idx size) { return (n + size - 1) / size; }
INLINE idx round_up(idx n, idx to) { return blocks_of(n, to) * to; }

#endif
