/* One vector of float32 for each instruction set; lanes always run across outputs, never along a sum.
 *
 * L lanes; LOAD and STORE take any address; FMA rounds once, as IEEE-754's fusedMultiplyAdd does. NaN stays NaN in
 * RELU and UP_TO (x86's min returns its second operand then).
 */
#ifndef VECTOR_H
#define VECTOR_H
#include "arithmetic.h"
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define L 16
typedef __m512 vf;
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define SPLAT(x) _mm512_set1_ps(x)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define ADD(a, b) _mm512_add_ps(a, b)
#define RELU(a) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_NLE_UQ), a)
#define UP_TO(most, a) _mm512_min_ps(SPLAT(most), a)
#define ISA_NAME "avx512"
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define L 8
typedef __m256 vf;
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define SPLAT(x) _mm256_set1_ps(x)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define ADD(a, b) _mm256_add_ps(a, b)
#define RELU(a) _mm256_and_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_NLE_UQ), a)
#define UP_TO(most, a) _mm256_min_ps(SPLAT(most), a)
#define ISA_NAME "avx2"
#elif defined(__aarch64__) || defined(_M_ARM64)
#include <arm_neon.h>
#define L 4
typedef float32x4_t vf;
#define LOAD(p) vld1q_f32(p)
#define STORE(p, v) vst1q_f32(p, v)
#define SPLAT(x) vdupq_n_f32(x)
#define FMA(a, b, c) vfmaq_f32(c, a, b)
#define ADD(a, b) vaddq_f32(a, b)
#define RELU(a) vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a), vcleq_f32(a, vdupq_n_f32(0))))
#define UP_TO(most, a) vminq_f32(SPLAT(most), a)
#define ISA_NAME "neon"
#else
/* Any other machine: no fused multiply-add in hardware, so it is computed through double (slow, exact). */
#define L 4
typedef float vf __attribute__((vector_size(16)));
typedef double vd __attribute__((vector_size(32)));
typedef int64_t vl __attribute__((vector_size(32)));
INLINE vf LOAD(const float *p) { vf v; memcpy(&v, p, sizeof v); return v; }
INLINE void STORE(float *p, vf v) { memcpy(p, &v, sizeof v); }
#define SPLAT(x) ((vf){(x), (x), (x), (x)})
/* a * b is exact in double. The sum is rounded to odd, so that rounding it again to float rounds the exact one
 * (Boldo and Melquiond, Emulation of a FMA and correctly rounded sums, 2008). Comparisons give -1 where true. */
INLINE vf FMA(vf a, vf b, vf c)
{
    const vd p = __builtin_convertvector(a, vd) * __builtin_convertvector(b, vd), z = __builtin_convertvector(c, vd);
    const vd s = p + z, part = s - p, error = (p - (s - part)) + (z - part);
    const vl bits = (vl)s, same_sign = ~((error > 0) ^ (s > 0));
    const vl inexact = (error != 0) & (error - error == 0), even = (bits & 1) - 1;
    return __builtin_convertvector((vd)(bits + (inexact & even & ((same_sign & 2) - 1))), vf);
}
#define ADD(a, b) ((a) + (b))
INLINE vf RELU(vf a) { return (vf)(((__typeof__(a <= 0))a) & ~(a <= 0)); }
INLINE vf UP_TO(float most, vf a)
{
    const __typeof__(a <= 0) above = a >= most;
    return (vf)(((__typeof__(a <= 0))SPLAT(most) & above) | ((__typeof__(a <= 0))a & ~above));
}
#define ISA_NAME "baseline"
#endif

#endif
