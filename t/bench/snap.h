/* snap: what a run has taken, as the difference of two moments. */
#ifndef BENCH_SNAP_H
#define BENCH_SNAP_H

#include "t/bench/load.h"

struct snapshot {
	uint64_t time, client; /* ns */
	struct proc_usage server;
};

/* Now; server is a process or 0. */
void snap_take(struct snapshot *s, pid_t server);

/*
 * Operations are counted in exactly the time that was asked for; the CPU time
 * between snapshots is scaled to it, because reading /proc takes a while when
 * a server has a process per connection.
 * run is 0 where all that was done between them counts.
 */
void snap_between(struct result *r, const struct snapshot *a,
    const struct snapshot *b, uint64_t run);

#endif
