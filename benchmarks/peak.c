/* The most multiply-adds that a core does: 12 chains that don't wait for each other, in registers alone. */
#include "vector.h"
#define CHAINS 12

EXPORT idx peak(idx turns, float *out)
{
    const vf a = SPLAT(out[0]), b = SPLAT(out[1]);
    vf acc[CHAINS];
    UNROLL for (int c = 0; c < CHAINS; c++) acc[c] = SPLAT((float)c);
    for (idx i = 0; i < turns; i++) {
        UNROLL for (int c = 0; c < CHAINS; c++) acc[c] = FMA(acc[c], a, b);
    }
    UNROLL for (int c = 0; c < CHAINS; c++) STORE(out + c * L, acc[c]);
    return (idx)2 * CHAINS * L * turns;
}
