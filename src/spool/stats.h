/*
 * stats: counters in one memory-mapped file, a slot per export and a slot
 * per connection, written by the daemon without locks or system calls and
 * read by any program.
 *
 * Each connection's counters have one writer, the connection's thread.  When
 * a connection ends its counters are added to its export's, under a sequence
 * number, so a reader that sums the export and its connections never counts
 * one twice or not at all.
 */
#ifndef SPOOL_STATS_H
#define SPOOL_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "spool/name.h"

#define STATS_VERSION 3
#define STATS_MAGIC "nbdmuxst"
#define STATS_NOWHERE UINT32_MAX /* no slot */

enum stats_command { /* indices of requests[] */
	STATS_READ,
	STATS_WRITE,
	STATS_FLUSH,
	STATS_TRIM,
	STATS_CACHE,
	STATS_ZERO,
	STATS_STATUS,
	STATS_OTHER,
	STATS_COMMANDS
};

/*
 * Replies by how long they took: at most 8 us, 16 us, ... 2^22 us (4.2 s), and
 * longer ones.  What is measured is said where stats_took() is called.
 */
#define STATS_LATENCIES 21
#define STATS_LATENCY_US(i) (UINT64_C(8) << (i)) /* but for the last */

struct stats_counters {
	_Atomic uint64_t requests[STATS_COMMANDS];
	_Atomic uint64_t errors;     /* error replies */
	_Atomic uint64_t bytes_read; /* payload sent to clients */
	_Atomic uint64_t bytes_written;
	_Atomic uint64_t latency[STATS_LATENCIES]; /* replies */
	_Atomic uint64_t latency_ns; /* their sum */
};

/* One event loop, which alone writes here; see stats_loop_row. */
struct stats_loop {
	_Alignas(64) _Atomic uint64_t rounds;
	_Atomic uint64_t busy;    /* ns in all rounds */
	_Atomic uint64_t since;   /* CLOCK_MONOTONIC's ns: of this window */
	_Atomic uint64_t longest; /* ns of a round in it, */
	_Atomic uint64_t before;  /* and in the one before */
};
#define STATS_LOOPS 256

/* The daemon's own; gauges that whoever changes them stores. */
struct stats_daemon {
	_Atomic uint64_t loops; /* how many there are */
	_Atomic uint64_t workers, workers_busy, workers_queued;
	struct stats_counters gone; /* of exports that are no more */
	struct stats_loop loop[STATS_LOOPS];
};

/* Only the slot's one writer calls this; readers see whole values. */
static inline void
stats_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter,
	    atomic_load_explicit(counter, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

/* n replies took ns nanoseconds each; by the slot's one writer. */
static inline void
stats_took(struct stats_counters *c, uint64_t ns, uint64_t n)
{
	uint64_t us = (ns != 0 ? ns - 1 : 0) / 1000 / 8;
	unsigned i = us == 0 ? 0 : 64 - (unsigned)__builtin_clzll(us);

	stats_add(&c->latency[i < STATS_LATENCIES ? i : STATS_LATENCIES - 1],
	    n);
	stats_add(&c->latency_ns, n * ns);
}

/*
 * A round of a loop has ended: now is CLOCK_MONOTONIC's, ns is how long the
 * round took.  The longest is remembered for one to two windows of this:
 */
#define STATS_WINDOW UINT64_C(10000000000) /* ns */
static inline void
stats_round(struct stats_loop *l, uint64_t now, uint64_t ns)
{
	uint64_t since = atomic_load_explicit(&l->since, memory_order_relaxed);
	uint64_t longest = atomic_load_explicit(&l->longest,
	    memory_order_relaxed);

	stats_add(&l->rounds, 1);
	stats_add(&l->busy, ns);
	if (now - since >= STATS_WINDOW) {
		atomic_store_explicit(&l->before, now - since <
		    2 * STATS_WINDOW ? longest : 0, memory_order_relaxed);
		atomic_store_explicit(&l->since, now, memory_order_relaxed);
		longest = 0;
		atomic_store_explicit(&l->longest, ns, memory_order_relaxed);
	}
	if (ns > longest)
		atomic_store_explicit(&l->longest, ns, memory_order_relaxed);
}

struct stats; /* a mapping, the daemon's or a reader's */

/* The daemon's side.  Sizes are fixed for the life of the file. */
struct stats *stats_create(int statefd, uint32_t exports, uint32_t conns,
    struct diag *d);
void stats_close(struct stats *s); /* NULL is allowed */

/*
 * The state directory was removed: put the counters into a file of the new
 * one.  Slots and pointers stay valid; a count made at this very moment can be
 * lost.  On an error everything stays as it is: -1 with d set.
 */
int stats_move(struct stats *s, int statefd, struct diag *d);

/*
 * A slot, or STATS_NOWHERE when all are taken (or the disk is full).  Any
 * thread.  Nowhere is a slot like others for all functions: it is counted
 * and never shown.  The export is to be open when a connection is opened; it
 * may be closed before its connections and is shown until the last one ends.
 */
uint32_t stats_export_open(struct stats *s, const char *name);
void stats_export_close(struct stats *s, uint32_t slot);
struct stats_client {
	const char *name; /* the export's */
	uint64_t generation;
	const char *address;
	bool tls;
	const char *identity; /* who it proved to be; NULL: it has not */
	uint64_t started;     /* ns since the epoch */
};
uint32_t stats_conn_open(struct stats *s, uint32_t export,
    const struct stats_client *client);
struct stats_counters *stats_conn_counters(struct stats *s, uint32_t slot);
void stats_conn_close(struct stats *s, uint32_t slot);

/* Where the daemon counts for itself. */
struct stats_daemon *stats_daemon(struct stats *s);

/* A reader's side: copies that are consistent among themselves. */
struct stats_totals {
	uint64_t requests[STATS_COMMANDS], errors, bytes_read, bytes_written;
	uint64_t latency[STATS_LATENCIES], latency_ns;
};
struct stats_export_row {
	char name[NAME_SIZE];
	uint32_t slot;
	uint32_t clients;
	struct stats_totals totals; /* ended and present connections */
};
struct stats_conn_row {
	char name[NAME_SIZE]; /* the export's */
	char address[128];
	bool tls;
	char identity[128]; /* who it proved to be, cut if need be; or "" */
	uint64_t generation;
	uint64_t started; /* ns since the epoch */
	struct stats_totals totals;
};
struct stats_loop_row {
	uint64_t rounds, busy; /* how many, and ns in all of them */
	uint64_t lag;          /* ns, of the longest in the last 10 to 20 s:
	                        * so long somebody else may have waited */
};
struct stats_snapshot {
	uint64_t taken; /* ns since the epoch */
	struct stats_totals all; /* since the daemon's start, of exports that
	                          * are no more, too */
	uint64_t workers, workers_busy, workers_queued;
	size_t nloops;
	struct stats_loop_row loops[STATS_LOOPS];
	size_t nexports, nconns;
	struct stats_export_row *exports; /* sorted by name */
	struct stats_conn_row *conns;     /* by export, then age */
};

/*
 * NULL with errno and d set: no file (ENOENT), or a version that this program
 * cannot read.
 */
struct stats *stats_open(int statefd, struct diag *d);

/*
 * -1 with errno and d set; ESTALE: another daemon has made a new file, open
 * that.  One reader at a time per mapping.  Totals never fall from one call
 * to the next while the export keeps its slot.
 */
int stats_read(struct stats *s, struct stats_snapshot *out, struct diag *d);
void stats_snapshot_free(struct stats_snapshot *s);

#endif
