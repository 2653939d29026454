/* exp, log and their kin in double, by + − × ÷ and bits alone, so that they are the same everywhere.
 *
 * Polynomials are evaluated by Horner's rule, each step one product and one sum, both rounded;
 * tools/coefficients.py prints their tables. Relative errors are below 2^-38, so what is made of them and
 * rounded to float once is the float next to the true value in all but a few of 10,000 cases. No branches, so
 * that loops over them become vectors.
 */
#ifndef SPECIAL_H
#define SPECIAL_H
#include "arithmetic.h"
#include <string.h>

/* Before a loop whose iterations touch nothing of each other's: y may be x, but may not overlap it. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* unoptimised builds make no vectors of them */
#define ELEMENTWISE _Pragma("clang loop vectorize(assume_safety)")
/* For long formulas: two vectors at a time, as each step waits for the one before */
#define ELEMENTWISE_LONG _Pragma("clang loop vectorize(assume_safety) interleave_count(2)")
#else
#define ELEMENTWISE _Pragma("GCC ivdep")
#define ELEMENTWISE_LONG ELEMENTWISE
#endif

/* relative error 4.7e-13 = 2^-41.0 */
static const double EXP_MIDDLE[] = {
    0x1.0000000001782p+1, 0x1.5555553cddb2cp-3, -0x1.6c15c2ab59718p-9, 0x1.13bdf1d363913p-14,
};
/* relative error 1.8e-16 = 2^-52.3 */
static const double LOG_TAIL[] = {
    0x1.5555555555571p-1, 0x1.9999999986411p-2, 0x1.24924936a674ep-2, 0x1.c71c64ce7c491p-3,
    0x1.745f69c23d592p-3, 0x1.3ad83c421c2e9p-3, 0x1.1487294ad8da8p-3, 0x1.a6d10853dff56p-4,
    0x1.59830f20005eep-3,
};
/* relative error 6.1e-13 = 2^-40.6 */
static const double NORMAL_TAIL[] = {
    0x1.82b4bb8c94c3cp-1, -0x1.373e3a893e6a1p-1, 0x1.8c6dbf2d0aa04p-2, -0x1.7dff2bfb92e82p-3,
    0x1.eec4cc4eab860p-5, -0x1.ee276d591b943p-8, -0x1.c81749678b7afp-9, 0x1.ab843a4c58b15p-10,
    0x1.17c9cc2af1393p-13, -0x1.e4dbf632915c1p-13, -0x1.3284ec38288c8p-19, 0x1.27339e4a3bf86p-15,
    0x1.b5e80fa70c132p-20, -0x1.6647be659d35cp-18, -0x1.6d8cfe8b58fafp-20,
};
#define LOG2_E 0x1.71547652b82fep+0
#define LN2 0x1.62e42fefa39efp-1
#define DENSITY_AT_0 0x1.9884533d43651p-2

#define ROUNDER 0x1.8p52 /* x + ROUNDER ends in the bits of the whole number next to x */
#define POLYNOMIAL(table, x) polynomial(table, sizeof(table) / sizeof *(table), x)

INLINE uint64_t bits_of(double x) { uint64_t b; memcpy(&b, &x, sizeof b); return b; }
INLINE double of_bits(uint64_t b) { double x; memcpy(&x, &b, sizeof x); return x; }
INLINE double magnitude(double x) { return of_bits(bits_of(x) & 0x7fffffffffffffff); }
/* A value chosen without a branch: what is not chosen is read too. */
INLINE float chosen(int first, float a, float b) { return first ? a : b; }
INLINE float relu(float x) { return x <= 0 ? 0 : x; } /* NaN stays */

/* c[0] + x (c[1] + x (c[2] + …)) */
INLINE double polynomial(const double *c, size_t n, double x)
{
    double sum = c[n - 1];
    UNROLL for (size_t k = n - 1; k-- > 0;) sum = sum * x + c[k];
    return sum;
}

/* The even terms and x times the odd ones, each by Horner's rule in x * x: for long tables, as half as many
 * steps wait for each other */
#define HALVES(table, x) halves(table, sizeof(table) / sizeof *(table), x)
INLINE double halves(const double *c, size_t n, double x)
{
    const double square = x * x;
    double even = c[n - 1], odd = c[n - 2]; /* n is odd */
    UNROLL for (size_t k = n - 1; k > 1; k -= 2) {
        even = even * square + c[k - 2];
        if (k > 3) odd = odd * square + c[k - 3];
    }
    return even + x * odd;
}

/* NaN stays */
INLINE double within(double x, double low, double high) { x = x < low ? low : x; return x > high ? high : x; }

/* e^x = scale (c + r) / (c - r) for x taken into [-700, 700]: x = k ln 2 + r, scale = 2^k, c even in r.
 * The division is left to the formulas, most of which divide anyway. NaN gives NaN in c and r. */
typedef struct { double scale, middle, r; } power;
INLINE power power_of(double x)
{
    x = within(x, -700, 700);
    const double shifted = x * LOG2_E + ROUNDER, r = x - (shifted - ROUNDER) * LN2;
    const double scale = of_bits((bits_of(shifted) << 52) + ((uint64_t)1023 << 52));
    return (power){scale, POLYNOMIAL(EXP_MIDDLE, r * r), r};
}
INLINE double top(power p) { return p.scale * (p.middle + p.r); }
INLINE double bottom(power p) { return p.middle - p.r; }

/* Never 0, denormal or inf, as x is taken into [-700, 700]. NaN gives NaN. */
INLINE double exp_(double x)
{
    const power p = power_of(x);
    return top(p) / bottom(p);
}

/* 1 / (1 + e^-x) */
INLINE double sigmoid_(double x)
{
    const power p = power_of(-x);
    return bottom(p) / (bottom(p) + top(p));
}

/* (e^2a - 1) / (e^2a + 1) for a = |x|, with the sign of x; near 0, where scale is 1, nothing cancels. */
INLINE double tanh_(double x)
{
    const power p = power_of(2 * magnitude(x));
    const double less = p.scale - 1, more = p.scale + 1;
    const double t = (less * p.middle + more * p.r) / (more * p.middle + less * p.r);
    return of_bits(bits_of(t) | (bits_of(x) & 0x8000000000000000));
}

/* 2 atanh(s), |s| <= 1/3 */
INLINE double twice_atanh(double s)
{
    const double q = s * s;
    return 2 * s + s * q * POLYNOMIAL(LOG_TAIL, q);
}
INLINE double log_1_plus(double x) { return twice_atanh(x / (2 + x)); } /* 0 <= x <= 1 */

/* x = m 2^k, m in [1/√2, √2); normal x > 0. NaN and inf give themselves. */
INLINE double log_(double x)
{
    const uint64_t shifted = bits_of(x) - bits_of(0x1.6a09e667f3bcdp-1); /* exponent field: k */
    const double k = (double)((int64_t)shifted >> 52);
    const double m = of_bits(bits_of(x) - (shifted & 0xfff0000000000000));
    return x - x == 0 ? k * LN2 + twice_atanh((m - 1) / (m + 1)) : x;
}

/* The standard normal distribution: its density at x, and its mass below x. The mass beyond a = |x| is
 * e^(-a^2 / 2) v G(1 - 8 v), v = 1 / (a + 4); one division serves v and the exponential. */
typedef struct { double density, below; } normal;
INLINE normal normal_of(double x)
{
    const power p = power_of(-0.5 * (x * x));
    const double far = within(magnitude(x), 0, 15) + 4, w = 1 / (far * bottom(p)), v = w * bottom(p);
    const double tail =
        (top(p) * w) * HALVES(NORMAL_TAIL, 1 - 8 * v);
    return (normal){(DENSITY_AT_0 * far) * (top(p) * w), x > 0 ? 1 - tail : tail};
}

/* The fixed tree of 16 partial sums: 8 + 8, 4 + 4, 2 + 2, 1 + 1 */
INLINE double tree_16(const double *p)
{
    double s[8];
    UNROLL for (int k = 0; k < 8; k++) s[k] = p[k] + p[k + 8];
    UNROLL for (int k = 0; k < 4; k++) s[k] += s[k + 4];
    return (s[0] + s[2]) + (s[1] + s[3]);
}

#endif
