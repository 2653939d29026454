/* An update by as many threads as come to it: each takes the next values until there are none. */
#include "sharing.h"
#include "environment.h"
#include "product.h"

#define AT_ONCE 8192 /* values */

static void update_some(const shared_update *u, idx at, idx n)
{
    reserve(FLOATS(u->slices, float *));
    float **gradients = (float **)take(FLOATS(u->slices, float *));
    for (idx s = 0; s < u->slices; s++) gradients[s] = u->gradients[s] + at;
    if (u->adam) adam(u->values + at, u->mean + at, u->square + at, gradients, u->slices, n, u->settings);
    else sgd(u->values + at, u->velocity ? u->velocity + at : 0, gradients, u->slices, n, u->settings);
}

void share_update(shared_update *u)
{
    const float_environment saved = enter();
    for (idx at; (at = atomic_fetch_add(&u->begun, AT_ONCE)) < u->count;) {
        const idx n = least(AT_ONCE, u->count - at);
        update_some(u, at, n);
        atomic_fetch_add(&u->done, n);
    }
    leave(saved);
    wait_until(&u->done, u->count);
}
