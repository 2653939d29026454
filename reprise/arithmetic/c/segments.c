/* Which taps meet which pixels. */
#include "segments.h"

static idx append(segment *to, idx n, segment new)
{
    segment *last = to + n - 1;
    if (n && last->taps == new.taps && (new.taps == 0 || last->tap == new.tap)) {
        last->count++;
        return n;
    }
    to[n] = new;
    return n + 1;
}

idx forward_segments(const side *s, segment *to)
{
    idx n = 0;
    for (idx i = 0; i < s->out; i++) {
        idx first = 0, end = s->kernel; /* taps first ≤ k < end lie inside: 0 ≤ i * stride + k * dilation - pad < in */
        while (first < end && i * s->stride + first * s->dilation < s->pad) first++;
        while (end > first && i * s->stride + (end - 1) * s->dilation - s->pad >= s->in) end--;
        n = append(to, n, (segment){i, 1, 1, first, end - first, i * s->stride + first * s->dilation - s->pad, s->stride,
                                    s->dilation});
    }
    return n;
}

idx gradient_segments(const side *s, idx residue, segment *to, idx *largest, idx *period, idx *taps)
{
    idx seen[2] = {-1, -1}; /* the two largest taps that pixels of this residue see */
    *taps = 0;
    for (idx k = s->kernel - 1; k >= 0; k--) {
        if ((residue + s->pad - k * s->dilation) % s->stride) continue;
        if (*taps < 2) seen[*taps] = k;
        ++*taps;
    }
    *largest = seen[0];
    *period = *taps > 1 ? seen[0] - seen[1] : 1;
    const idx tap_step = *period * s->dilation / s->stride;
    idx n = 0;
    for (idx i = residue; i < s->in; i += s->stride) {
        idx first = 0, count = 0, meets = 0;
        for (idx t = 0; t < *taps; t++) {
            const idx q = i + s->pad - (*largest - t * *period) * s->dilation; /* a multiple of the stride */
            if (q < 0 || q / s->stride >= s->out) continue;
            if (count++ == 0) {
                first = t;
                meets = q / s->stride;
            }
        }
        n = append(to, n, (segment){i, s->stride, 1, first, count, meets, 1, tap_step});
    }
    return n;
}

idx weight_segments(const side *s, segment *to)
{
    idx n = 0;
    for (idx k = 0; k < s->kernel; k++) {
        idx first = 0, end = s->out;
        while (first < end && first * s->stride + k * s->dilation < s->pad) first++;
        while (end > first && (end - 1) * s->stride + k * s->dilation - s->pad >= s->in) end--;
        n = append(to, n, (segment){k, 1, 1, first, end - first, first * s->stride + k * s->dilation - s->pad,
                                    s->dilation, s->stride});
    }
    return n;
}
