/*
 * proc: what a server costs, read from /proc: a process with all its threads
 * and descendants, because one of the peers forks for every connection.
 */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <sys/types.h>

#include <stdint.h>

#include "base/diag.h"

struct proc_usage {
	uint64_t cpu_ns; /* user and system time; ticks of 10 ms */
	/* bytes, now and at most; what a child shares is shared out */
	uint64_t rss, peak;
	unsigned processes, threads;
};

/* 0, or -1 with d set.  A descendant that ends meanwhile is left out. */
int proc_usage(pid_t pid, struct proc_usage *u, struct diag *d);

/* Begin to look for the peak anew, as far as the kernel lets us. */
void proc_reset_peak(pid_t pid);

/*
 * CPU time of the present threads of one process to the nanosecond, for work
 * that is shorter than a tick.  0, or -1 with d set.
 */
int proc_cpu_exact(pid_t pid, uint64_t *ns, struct diag *d);

#endif
