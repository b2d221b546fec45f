/* load: all connections of a plan, spread over threads, for a while. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <sys/types.h>

#include "t/bench/flow.h"
#include "t/bench/proc.h"

#define LOAD_STALL 10000 /* ms without any reply: the server hangs */

struct timing {
	uint64_t warm, run; /* ns; no meaning when requests are counted */
	uint64_t idle;      /* ns to keep the connections open afterwards */
	pid_t server;       /* process to measure; 0: none */
};

struct result {
	struct meter total;
	uint64_t start, elapsed;         /* ns */
	uint64_t server_cpu, client_cpu; /* ns, meanwhile */
	struct proc_usage server;        /* at the end */
	uint64_t idle_cpu;               /* ns of the server, while idle */
	/* ns until connections had done their requests, when they are counted */
	uint64_t first, median, last;
};

/* 0, or -1 with d set.  Error replies are counted, they are no failure. */
int load_run(const struct plan *p, const struct timing *t, struct result *r,
    struct diag *d);

#endif
