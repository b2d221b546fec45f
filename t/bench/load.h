/* load: all connections of a plan, spread over threads, for a while. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <sys/types.h>

#include "t/bench/flow.h"
#include "t/bench/proc.h"

struct timing {
	uint64_t warm, run; /* ns; no meaning when requests are counted */
	pid_t server;       /* process to measure; 0: none */
};

struct result {
	struct meter total;
	uint64_t elapsed;                /* ns */
	uint64_t server_cpu, client_cpu; /* ns, meanwhile */
	struct proc_usage server;        /* at the end */
};

/* 0, or -1 with d set.  Error replies are counted, they are no failure. */
int load_run(const struct plan *p, const struct timing *t, struct result *r,
    struct diag *d);

#endif
