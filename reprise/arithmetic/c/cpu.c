/* Which of the libraries this processor can run. Asked of the baseline one, which runs everywhere. */
#include "arithmetic.h"

EXPORT const char *best_isa(void);

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>

/* The registers that the operating system saves, from XCR0. */
static unsigned saved_registers(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

const char *best_isa(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX) || !(c & bit_FMA)) return "baseline";
    const unsigned saved = saved_registers();
    if ((saved & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2)) return "baseline";
    const unsigned wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
    return (saved & 0xE6) == 0xE6 && (b & wanted) == wanted ? "avx512" : "avx2";
}
#elif defined(__aarch64__) || defined(_M_ARM64)
const char *best_isa(void) { return "neon"; }
#else
const char *best_isa(void) { return "baseline"; }
#endif
