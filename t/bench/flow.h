/*
 * flow: one connection under load: keeps depth requests in flight and checks
 * every reply.  Nothing is allocated once it runs.
 */
#ifndef BENCH_FLOW_H
#define BENCH_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "t/bench/client.h"
#include "t/bench/stat.h"
#include "t/bench/trace.h"
#include "wire/codec.h"

#define FLOW_SCRATCH (256 * 1024) /* what is received into, to be forgotten */
#define FLOW_HEAD (WIRE_STRUCTURED_REPLY + 12) /* of a hole: the longest */

/* What to do, the same for all connections; read only while it is done. */
struct plan {
	struct target target;
	const char *export;
	unsigned exports; /* a number behind it is below that; 0: none */
	unsigned conns, depth, threads;
	uint64_t block; /* bytes per request; with a trace, of the longest */
	uint64_t count; /* requests in all; 0: until the time is over */
	const struct trace *trace; /* what every connection reads, or NULL */
	uint64_t seed;
	bool random;
	unsigned writes; /* of 100 requests */
	bool fua;        /* every write */
	unsigned flush;  /* after so many writes of a connection; 0: never */
	bool structured;              /* replies in chunks, holes told as such */
	bool lockstep;                /* depth requests, all their replies, ... */
	bool verify;                  /* data is nbdkit's pattern */
	const unsigned char *payload; /* of writes, block bytes */
};

/* What one thread sees.  Times are CLOCK_MONOTONIC in ns. */
struct meter {
	uint64_t now, begin, end; /* only in [begin, end) is counted */
	uint64_t ops, bytes, errors, flushes;
	struct stat_hist latency;
	/* FLOW_SCRATCH bytes to receive into, and a block more that is never
	 * written: recv() drops payload, but is told an honest length */
	unsigned char *scratch;
};

enum slot_state {
	SLOT_FREE,
	SLOT_QUEUED, /* not sent, or only in part */
	SLOT_ASKED   /* may be answered */
};

struct slot {
	enum slot_state state;
	uint16_t command;
	uint32_t length; /* of data, to the server or from it */
	uint64_t cookie, offset, start;
	uint64_t told; /* bytes that were in chunks, as data or as holes */
	bool failed;   /* an error was in one */
	unsigned char header[WIRE_REQUEST];
	unsigned char *payload; /* of writes, not NULL where there are any */
};

struct flow {
	const struct plan *plan;
	struct client client;
	uint64_t base, blocks, next; /* where in the export, in blocks */
	uint64_t rng, serial;
	uint64_t quota; /* requests still to begin */
	unsigned unflushed; /* writes that are done, since a flush was sent */
	uint64_t finished;  /* when all was done; 0: not yet */
	struct slot *slots;
	unsigned inflight;

	uint16_t *queue; /* ring of slots whose requests are to be sent */
	unsigned first, queued;
	size_t sent;  /* bytes of the first one that are gone */
	bool blocked; /* the socket's buffer is full */

	unsigned char head[FLOW_HEAD];
	size_t have, need;    /* bytes of head, there and wanted for now */
	uint64_t left;        /* bytes of payload to come */
	uint64_t at;          /* where in the export the next one is from */
	struct slot *reading; /* whose payload that is */
	bool last;            /* the request is done with it */
	int lowat;            /* the socket's SO_RCVLOWAT */

	unsigned char *buffers; /* payloads of verified writes */
};

/* Connect and take the export as number index of the plan's connections. */
int flow_open(
    struct flow *f, const struct plan *p, unsigned index, struct diag *d);

/* Whether there is something to ask for. */
bool flow_wants(const struct flow *f);

/* Put the first requests into the queue. */
void flow_begin(struct flow *f, struct meter *m);

/* The next request, in a slot that is free; now is when it begins. */
void flow_issue(struct flow *f, unsigned slot, uint64_t now);

/* Both: 0, or -1 with d set, after which the flow is of no use. */
int flow_send(struct flow *f, struct diag *d);
int flow_receive(struct flow *f, struct meter *m, struct diag *d);

/*
 * reply.c's: the request with that cookie is done; and chunk.c's: what to do
 * with the header of a chunk, when f->need bytes of it are there: -1 with d set.
 */
void flow_complete(struct flow *f, struct slot *s, bool good, struct meter *m);
struct slot *flow_asked(struct flow *f, struct diag *d);
int flow_chunk(struct flow *f, struct meter *m, struct diag *d);

/* NBD_CMD_DISC, and free.  A zeroed flow is allowed. */
void flow_close(struct flow *f);

uint64_t flow_clock(void);

#endif
