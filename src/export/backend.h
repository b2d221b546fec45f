/*
 * backend: where an export's bytes are.  Asynchronous from its caller's view:
 * a request is answered at once, or refused with "would block, give me a
 * worker", or answered later from any thread.
 */
#ifndef EXPORT_BACKEND_H
#define EXPORT_BACKEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/job.h"

struct backend;

enum io_op {
	IO_READ,
	IO_WRITE,
	IO_FLUSH,
	IO_TRIM,
	IO_ZERO,
	IO_CACHE,
	IO_MAP /* data is a struct extents, to be filled */
};

enum io_flag {
	IO_FUA = 1,     /* persistent before it is done */
	IO_NO_HOLE = 2, /* ZERO: the range stays allocated */
	IO_FAST = 4,    /* ZERO: fail with ENOTSUP rather than write zeroes */
	IO_SPARSE = 8,  /* READ: a hole may be told by io->zeroes */
	IO_PARTS = 16,  /* and by io->zeroes and io->tail what of it is one */
	IO_TRIED = 32   /* READ: backend_read_now() has just said EAGAIN */
};

/* What a range of the export is, as the values of base:allocation. */
enum extent_flag {
	EXTENT_HOLE = 1, /* no space is allocated: a write may meet ENOSPC */
	EXTENT_ZERO = 2  /* reads as zeroes */
};

struct extent {
	uint64_t length; /* bytes, never 0 */
	unsigned flags;  /* enum extent_flag */
};

/*
 * A map of the export from an offset on.  Neighbours differ in their flags;
 * the last extent may reach beyond the range that was asked for, never beyond
 * the export's end.  Fewer than would cover the range come when max is
 * reached or looking on would take long; there is always at least one.
 */
struct extents {
	size_t count, max; /* max >= 1, set by the caller */
	struct extent list[];
};

enum io_verdict {
	IO_DONE,  /* io->error is set */
	IO_BLOCK, /* would block: call backend_work() where that is allowed */
	IO_LATER  /* io->done(io) will be called, once, from any thread */
};

/*
 * One request to a backend.  offset + length are inside the size (the caller
 * has checked); the data and the io are the caller's and stay until it is
 * done.  Nothing is ever half done with error 0: a short read past a file
 * that shrank is EIO.
 */
struct io {
	enum io_op op;
	unsigned flags;
	uint64_t offset, length; /* bytes */
	void *data;              /* READ, WRITE: length bytes; MAP: a struct
	                          * extents; borrowed */
	int error;               /* errno value; 0: success */
	/*
	 * READ with IO_SPARSE: so many bytes from offset on, at least length and
	 * maybe beyond it, are zeroes, and data was not filled.  0: it was.
	 * With IO_PARTS it may be less than length, and the last tail bytes may be
	 * zeroes as well: data was filled between them, at its place.
	 */
	uint64_t zeroes, tail;
	/* Likewise when it was filled: behind the zeroes the data goes on up to
	 * that offset at least.  0: not known. */
	uint64_t data_end;
	void (*done)(struct io *io);
	void *owner;             /* the caller's */
	/* For the queues of whoever has the io just now, and what it may keep
	 * there with it. */
	struct job job;
	struct backend *backend;
};

enum backend_cap {
	BACKEND_WRITE = 1,
	BACKEND_FLUSH = 2,
	BACKEND_FUA = 4,
	BACKEND_TRIM = 8,
	BACKEND_ZERO = 16,
	BACKEND_FAST_ZERO = 32,
	BACKEND_CACHE = 64,
	BACKEND_MULTI_CONN = 128,
	BACKEND_ROTATIONAL = 256,
	BACKEND_MAP = 512 /* knows what is allocated; without it IO_MAP tells
	                   * that all is data */
};

struct backend_ops {
	const char *name;
	enum io_verdict (*submit)(struct backend *b, struct io *io);
	enum io_verdict (*work)(struct backend *b, struct io *io);
	/* May be NULL: then each is worked on by itself. */
	void (*work_list)(struct backend *b, struct job *list);
	void (*free)(struct backend *b);
	/*
	 * May be NULL.  A read on the caller's thread without an io: 0 when all
	 * len bytes are in data, EAGAIN when that would block (submit an io
	 * then), or another errno value.
	 */
	int (*read_now)(struct backend *b, void *data, uint64_t offset,
	    size_t len);
	/*
	 * May be NULL.  A descriptor from which all len bytes at offset can be
	 * sent without waiting for a disk, or -1.  The descriptor is the
	 * backend's; a file that shrinks meanwhile gives fewer bytes.
	 */
	int (*cached)(struct backend *b, uint64_t offset, size_t len);
	/* With cached: the kernel cannot send from that descriptor. */
	void (*unsendable)(struct backend *b);
	/*
	 * May be NULL, which means no.  Whether there may be holes, whose zeroes
	 * the page cache has as it has data.  Never blocks.
	 */
	bool (*sparse)(struct backend *b);
};

/* The first member of each kind's own struct. */
struct backend {
	const struct backend_ops *ops;
	uint64_t size;          /* bytes, fixed */
	unsigned caps;          /* enum backend_cap */
	uint32_t block_min;     /* what the backend would like told: */
	uint32_t block_preferred; /* 1 and 4096 for files */
	/* errno of the first flush or FUA write that failed: it stays failed,
	 * since the kernel reports lost data only once. */
	atomic_int flush_error;
};

/* Never blocks. */
enum io_verdict backend_submit(struct backend *b, struct io *io);
/* EAGAIN also where the backend has no read_now. */
int backend_read_now(struct backend *b, void *data, uint64_t offset,
    size_t len);
/* -1 also where the backend has no cached. */
int backend_cached(struct backend *b, uint64_t offset, size_t len);
void backend_unsendable(struct backend *b);
/* False also where the backend has no sparse. */
bool backend_sparse(struct backend *b);
/*
 * Add an extent behind the others, joined with the last one when that has the
 * same flags.  False when there was no room: it was not added.
 */
bool extents_add(struct extents *e, uint64_t length, unsigned flags);
/* May block; IO_DONE or IO_LATER. */
enum io_verdict backend_work(struct backend *b, struct io *io);
/*
 * The same for several, linked by job.next: each is answered by io->done(io),
 * now or later.  They may be answered in any order, those that want it
 * persistent after one sync that they share.
 */
void backend_work_list(struct backend *b, struct job *list);
void backend_free(struct backend *b); /* NULL is allowed */

/*
 * A regular file or block device.  The descriptor is the backend's then; it
 * stays the caller's when there is none (NULL, d set).
 */
struct backend *file_backend(int fd, uint64_t size, bool writable,
    struct diag *d);

/*
 * size bytes of a known pattern, read-only: byte i of every 8-byte word at
 * offset o (o a multiple of 8) is byte i of o in big-endian, as in nbdkit's
 * pattern plugin, so that any reader can tell where a byte came from.
 */
struct backend *pattern_backend(uint64_t size, struct diag *d);

/*
 * For tests of asynchrony: wraps inner (owned then), refuses every submit
 * with IO_BLOCK and answers work from a thread of its own after delay_us, in
 * the order of arrival.  NULL: inner is still the caller's.
 */
struct backend *delay_backend(struct backend *inner, unsigned delay_us,
    struct diag *d);

#endif
