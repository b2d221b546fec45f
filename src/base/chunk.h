/*
 * chunk: pieces of payload memory from a pool.  A pool belongs to one thread
 * and keeps a few free chunks of the usual capacities; the bytes handed
 * out by all pools are counted together in a budget, so that memory has a
 * bound however many clients never read.
 */
#ifndef BASE_CHUNK_H
#define BASE_CHUNK_H

#include <bsd/sys/queue.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_SMALL (64 * 1024 - 64)            /* replies to small requests */
#define CHUNK_PIECE (256 * 1024)                /* of a streamed payload */
#define CHUNK_LARGE (CHUNK_PIECE + 4096)        /* a piece and any header */
#define CHUNK_WRITE (512 * 1024)                /* of a payload to be written */

struct chunk {
	STAILQ_ENTRY(chunk) link;
	size_t cap;   /* bytes in data */
	size_t start; /* first byte in use */
	size_t end;   /* behind the last byte in use */
	int fd;       /* -1; else the bytes are not in data but in this file, */
	uint64_t offset; /* byte 0 at this offset; the descriptor is borrowed */
	_Alignas(64) unsigned char data[];
};
STAILQ_HEAD(chunk_list, chunk);

struct budget {
	_Atomic uint64_t used;
	uint64_t limit; /* bytes */
};

#define CHUNK_CLASSES 3 /* the usual capacities */

struct pool {
	struct budget *budget; /* borrowed; shared by the pools of all threads */
	struct chunk_list free[CHUNK_CLASSES];
	unsigned count[CHUNK_CLASSES];
};

void pool_init(struct pool *p, struct budget *b);
void pool_free(struct pool *p);

/* There is no room in the budget for another cap bytes. */
bool pool_short(const struct pool *p, size_t cap);

/*
 * A chunk with at least cap bytes, empty (start and end 0); NULL when the
 * budget or memory is used up.  force: over the budget rather than not at
 * all, for the one chunk that every connection may always have.
 */
struct chunk *chunk_get(struct pool *p, size_t cap, bool force);
void chunk_put(struct pool *p, struct chunk *c); /* NULL is allowed */

#endif
