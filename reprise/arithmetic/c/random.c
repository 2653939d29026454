/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as easy as 1, 2, 3; 2011).
 *
 * Block b of (key, stream) is the counter (low half of b, high half of b, stream, 0) under the key (low, high
 * half). Element i of a tensor takes word i % 4 of block i / 4: any part of a tensor can be made by itself.
 */
#include "families.h"
#include "special.h"

#define BLOCKS 32 /* in hand at a time */

INLINE void philox(uint64_t key, uint32_t stream, uint64_t block, uint32_t *restrict out)
{
    uint32_t word[4][BLOCKS];
    for (uint32_t i = 0; i < BLOCKS; i++) {
        word[0][i] = (uint32_t)(block + i);
        word[1][i] = (uint32_t)((block + i) >> 32);
        word[2][i] = stream;
        word[3][i] = 0;
    }
    uint32_t key0 = (uint32_t)key, key1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++, key0 += 0x9E3779B9, key1 += 0xBB67AE85)
        for (int i = 0; i < BLOCKS; i++) {
            const uint64_t a = (uint64_t)0xD2511F53 * word[0][i], b = (uint64_t)0xCD9E8D57 * word[2][i];
            word[0][i] = (uint32_t)(b >> 32) ^ word[1][i] ^ key0;
            word[1][i] = (uint32_t)b;
            word[2][i] = (uint32_t)(a >> 32) ^ word[3][i] ^ key1;
            word[3][i] = (uint32_t)a;
        }
    for (int i = 0; i < BLOCKS; i++)
        for (int k = 0; k < 4; k++) out[4 * i + k] = word[k][i];
}

void random_words(uint64_t key, uint32_t stream, idx first_block, uint32_t *words, idx blocks)
{
    uint32_t made[4 * BLOCKS];
    for (idx b = 0; b < blocks; b += BLOCKS) {
        philox(key, stream, (uint64_t)(first_block + b), made);
        memcpy(words + 4 * b, made, sizeof *made * 4 * (size_t)least(BLOCKS, blocks - b));
    }
}

/* kept (word < keep_below, or keep_below is 2^32 - 1: all) ? x * scale : +0 */
void dropout(const float *x, float *y, idx n, uint64_t key, uint32_t stream, uint32_t keep_below, float scale)
{
    const int all = keep_below == 0xFFFFFFFF;
    uint32_t word[4 * BLOCKS];
    for (idx at = 0; at < n; at += 4 * BLOCKS, x += 4 * BLOCKS, y += 4 * BLOCKS) {
        const idx part = least(4 * BLOCKS, n - at);
        philox(key, stream, (uint64_t)at / 4, word);
        ELEMENTWISE for (idx i = 0; i < part; i++)
            y[i] = chosen((word[i] < keep_below) | all, x[i] * scale, 0);
    }
}
