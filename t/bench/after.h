/* after: what is to be known when all the requests are answered. */
#ifndef BENCH_AFTER_H
#define BENCH_AFTER_H

#include "t/bench/load.h"

/* Both: 0, or -1 with d set. */

/* Who was done when: of requests that are shared out fairly all at one time. */
int after_times(const struct flow *flows, unsigned n, struct result *r,
    struct diag *d);

/* The server with all these connections, and nothing to do. */
int after_idle(const struct timing *t, struct result *r, struct diag *d);

#endif
