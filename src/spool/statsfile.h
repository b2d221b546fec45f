/*
 * statsfile: the layout of the counters' file, shared by its writer and its
 * reader.  A header, export slots from a page's start, connection slots from
 * a page's start; all numbers are the machine's own.
 *
 * Who is in a slot changes under the slot's seq, odd meanwhile.  Counters move
 * from a connection to its export under the header's epoch, odd meanwhile:
 * a reader that sees the same even epoch before and after has counted each
 * connection once.  What is written under an epoch is stored with release and
 * loaded with acquire, so whoever sees any of it sees the epoch odd or later.
 */
#ifndef SPOOL_STATSFILE_H
#define SPOOL_STATSFILE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/stats.h"

/* One daemon per state directory; publish_sweep() knows the beginning. */
#define STATS_TEMP ".nbdmux-stats"

#define STATS_SLOTS_MAX (1u << 20) /* of either kind */
#define STATS_PAGE UINT64_C(65536) /* a multiple of every page size in use */
#define STATS_NAME_WORDS ((NAME_SIZE + 7) / 8)
#define STATS_ADDRESS_SIZE 128
#define STATS_ADDRESS_WORDS (STATS_ADDRESS_SIZE / 8)
#define STATS_TOTALS (sizeof(struct stats_totals) / sizeof(uint64_t))

/* Text is kept in words, for a reader may look while it changes. */
typedef _Atomic uint64_t stats_word;

struct stats_header {
	char magic[8];
	uint32_t version;
	uint32_t header_size, export_size, conn_size; /* bytes in each */
	uint32_t exports, conns;                      /* slots */
	_Atomic uint32_t exports_used, conns_used; /* slots ever used */
	_Atomic uint64_t epoch;
	struct stats_daemon daemon;
};
_Static_assert(sizeof(struct stats_header) <= STATS_PAGE, "before the slots");

struct stats_export_slot {
	_Alignas(64) _Atomic uint32_t seq;
	_Atomic uint32_t used; /* 1: somebody is in it */
	stats_word name[STATS_NAME_WORDS];
	struct stats_counters ended; /* of connections that have ended */
};

struct stats_conn_slot {
	_Alignas(64) struct stats_counters counters;
	_Alignas(64) _Atomic uint32_t seq;
	_Atomic uint32_t used;
	_Atomic uint32_t export; /* slot, or STATS_NOWHERE */
	_Atomic uint32_t tls;    /* 1: it is encrypted */
	_Atomic uint64_t generation, started;
	stats_word name[STATS_NAME_WORDS];
	stats_word address[STATS_ADDRESS_WORDS];
	stats_word identity[STATS_ADDRESS_WORDS];
};

/* Both see the counters as a row of words. */
_Static_assert(sizeof(struct stats_counters) == sizeof(struct stats_totals),
    "the same counters in the same order");

/* Where things are; false when the sizes are out of bounds. */
struct stats_layout {
	uint64_t exports, conns, end; /* bytes from the file's start */
};
static inline bool
stats_layout(struct stats_layout *l, uint32_t exports, uint32_t conns)
{
	uint64_t size;

	if (exports > STATS_SLOTS_MAX || conns > STATS_SLOTS_MAX)
		return false;
	l->exports = STATS_PAGE;
	size = exports * (uint64_t)sizeof(struct stats_export_slot);
	l->conns = l->exports + (size + STATS_PAGE - 1) / STATS_PAGE *
	    STATS_PAGE;
	size = conns * (uint64_t)sizeof(struct stats_conn_slot);
	l->end = l->conns + (size + STATS_PAGE - 1) / STATS_PAGE * STATS_PAGE;
	return true;
}

static inline stats_word *
stats_words(struct stats_counters *c)
{
	return (stats_word *)c;
}

/* Which slots are free; the daemon's side alone knows. */
struct stats_slots {
	uint32_t *free; /* those given back, the latest last */
	uint32_t nfree;
	uint32_t used, max;    /* ever used; all */
	uint64_t start, size;  /* of the slots: bytes in the file, in each */
	uint64_t ready;        /* up to here the file has its memory */
};

/* What a reader has been told of the export in a slot. */
struct stats_seen {
	uint32_t seq; /* which export it was */
	struct stats_totals totals;
};

struct stats {
	int fd;
	void *base; /* the mapping; NULL: none yet */
	size_t size;
	struct stats_header *header;
	struct stats_export_slot *exports;
	struct stats_conn_slot *conns;
	uint32_t nexports, nconns; /* checked: the header's may change */

	/* The daemon's side: under the lock. */
	pthread_mutex_t lock;
	struct stats_slots export_slots, conn_slots;
	uint32_t *refs; /* per export slot: its owner and its connections */
	struct stats_counters nowhere; /* of connections without a slot */

	/* A reader's side. */
	struct stats_seen *seen;
	struct stats_totals seen_all;
};

/* Map fd, which is the struct's from now on.  -1 with errno. */
int stats_map(struct stats *s, int fd, uint32_t exports, uint32_t conns,
    bool writable);

/* The file under its temporary name, with memory for its header; -1: errno. */
int stats_make_file(int statefd, const struct stats_layout *l);
/* Give the bytes from..to of the file their memory.  -1 with errno. */
int stats_reserve(int fd, uint64_t from, uint64_t to);

/* A reader's mapping is whole and not history: 0, or -1 with d set. */
int stats_still_there(struct stats *s, struct diag *d);

#endif
