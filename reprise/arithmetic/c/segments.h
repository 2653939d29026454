/* Pixels along one side of an image, grouped by the taps of the kernel that they see.
 *
 * Taps outside the image are not in a chain, so pixels near the border have shorter chains; a segment is a run of
 * pixels whose chains have the same taps.
 */
#ifndef SEGMENTS_H
#define SEGMENTS_H
#include "layers.h"

/* Pixels first, first + step, … (count); taps tap … tap + taps - 1 of the packed order; the first of these meets
 * the other side's pixel `meets`, each next tap the one `tap_step` further, each next pixel `pixel_step` further. */
typedef struct { idx first, step, count, tap, taps, meets, pixel_step, tap_step; } segment;

/* One side of a convolution: input and output pixels, kernel, stride, padding, dilation. */
typedef struct { idx in, out, kernel, stride, pad, dilation; } side;
INLINE side height_of(const convolution *d)
{
    return (side){d->height, d->out_height, d->kernel_h, d->stride_h, d->pad_h, d->dilation_h};
}
INLINE side width_of(const convolution *d)
{
    return (side){d->width, d->out_width, d->kernel_w, d->stride_w, d->pad_w, d->dilation_w};
}

/* Output pixels; packed taps ascend. Returns the number of segments, at most `out`. */
idx forward_segments(const side *s, segment *to);
/* Input pixels residue, residue + stride, …; packed taps are those that such pixels see, in descending order:
 * `largest`, then every `period`-th below. Returns the number of segments, at most in / stride + 1. */
idx gradient_segments(const side *s, idx residue, segment *to, idx *largest, idx *period, idx *taps);
/* The kernel's taps, grouped by the output pixels that use them: first, count are taps; tap, taps output pixels. */
idx weight_segments(const side *s, segment *to);

#endif
