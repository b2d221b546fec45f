/*
 * connect: what coming and going costs: connections that each read one block
 * and leave again.
 */
#ifndef BENCH_CONNECT_H
#define BENCH_CONNECT_H

#include "t/bench/load.h"

#define CONNECT_READ 4096 /* bytes, from the export's beginning */

/*
 * The plan's count in all, depth of them at a time, each in a thread; latency
 * is from connect() to the data.  0, or -1 with d set.
 */
int connect_run(const struct plan *p, const struct timing *t, struct result *r,
    struct diag *d);

#endif
