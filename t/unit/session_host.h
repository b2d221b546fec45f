/*
 * A host for sessions in tests: exports in memory, no sockets, no threads.
 * Requests are answered at once or wait in a queue until the test lets them
 * go, in any order; what the session sends is collected.
 */
#ifndef T_SESSION_HOST_H
#define T_SESSION_HOST_H

#include <bsd/string.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>

#include "base/buf.h"
#include "export/export.h"
#include "session/session.h"
#include "wire/codec.h"
#include "wire/proto.h"

#define DISK_SIZE (1u << 20) /* "disk": rw, "pattern": ro */
#define QUEUE_MAX 4096
#define HOST_KiB 1024u
#define HOST_MiB (1024u * 1024u)

/* How the backends answer. */
enum answer {
	ANSWER_NOW,   /* at once, small reads without an io */
	ANSWER_WORK,  /* after a trip to a worker */
	ANSWER_LATER, /* by themselves, from elsewhere */
	ANSWER_MIXED  /* each of them in turn */
};

struct memory {
	struct backend backend; /* first */
	unsigned char *data;
};

struct host {
	struct registry *registry;
	struct catalog *catalog;
	struct generation *exports[3];
	struct pool pool;
	struct budget budget;
	struct peer peer;
	struct session_config config;
	struct session *session;
	enum answer answer;
	unsigned turn; /* of ANSWER_MIXED */
	int fail;      /* errno for every request ... */
	unsigned pass; /* ... after so many that pass */
	bool dirty;    /* a disk was changed */
	int file;      /* the content of "pattern", to be sent from; or 0 */
	bool sparse;   /* reads tell of zeroes */
	bool no_file;  /* the client's side cannot be sent files after all */
	bool broken;   /* and there was no memory to do it otherwise */
	enum refusal refusal; /* of unknown names; REFUSE_NOT: as unknown */
	struct stats_counters *counters; /* or NULL */

	bool hold_acquire; /* the answer waits for host_acquired() */
	bool acquiring, joining;
	char name[64];
	size_t name_len;

	struct io *queue[QUEUE_MAX]; /* waiting for host_complete() */
	size_t queued;

	struct buf in;      /* from the client, not taken yet */
	struct buf out;     /* to the client */
	size_t read;        /* of out, by the test */
	size_t window;      /* bytes that the client takes at most per turn */
	unsigned patience;  /* turns until it takes them all; 0: never */
	size_t peak;        /* most bytes ever waiting to be sent */
	uint64_t peak_used; /* most bytes ever taken from the budget */
	enum session_verdict verdict;
};

/* --- backends in memory ---------------------------------------------------- */

static struct host *host_of_backend; /* the one host at a time */

static int
host_fault(struct host *h)
{
	if (h->fail == 0 || h->pass > 0) {
		h->pass -= h->pass > 0;
		return 0;
	}
	return h->fail;
}

/* Holes are the blocks of 512 bytes that are zero. */
static void
memory_map(struct memory *m, struct io *io)
{
	static const unsigned char zeroes[512];
	struct extents *e = io->data;
	uint64_t at = io->offset, end = io->offset + io->length, n;

	e->count = 0;
	for (; at < end; at += n) {
		n = 512 - at % 512;
		if (n > m->backend.size - at)
			n = m->backend.size - at;
		if (!extents_add(e, n, memcmp(m->data + at, zeroes, n) == 0 ?
		    EXTENT_HOLE | EXTENT_ZERO : 0))
			break;
	}
}

/* How many zeroes there are, when length at least are. */
static uint64_t
memory_zeroes(const struct memory *m, const struct io *io)
{
	uint64_t at = io->offset;

	while (at < m->backend.size && m->data[at] == 0)
		at++;
	at -= io->offset;
	return at >= io->length ? at : 0;
}

/* Where a block of zeroes begins, as in the map, or the end. */
static uint64_t
memory_data_end(const struct memory *m, uint64_t at)
{
	static const unsigned char zeroes[512];

	at += (512 - at % 512) % 512;
	while (at + 512 <= m->backend.size &&
	    memcmp(m->data + at, zeroes, 512) != 0)
		at += 512;
	return at + 512 <= m->backend.size ? at : m->backend.size;
}

static void
memory_read(struct memory *m, struct io *io)
{
	if (host_of_backend->sparse && (io->flags & IO_SPARSE))
		io->zeroes = memory_zeroes(m, io);
	if (io->zeroes > 0)
		return;
	memcpy(io->data, m->data + io->offset, io->length);
	if (host_of_backend->sparse && (io->flags & IO_SPARSE))
		io->data_end = memory_data_end(m, io->offset);
}

static void
memory_do(struct memory *m, struct io *io)
{
	unsigned char *at = m->data + io->offset;

	io->error = host_fault(host_of_backend);
	if (io->error != 0)
		return;
	switch (io->op) {
	case IO_READ:
		memory_read(m, io);
		break;
	case IO_WRITE:
		host_of_backend->dirty = true;
		memcpy(at, io->data, io->length);
		break;
	case IO_TRIM:
	case IO_ZERO:
		host_of_backend->dirty = true;
		if (io->flags & IO_FAST)
			io->error = ENOTSUP;
		else
			memset(at, 0, io->length);
		break;
	case IO_FLUSH:
	case IO_CACHE:
		break;
	case IO_MAP:
		memory_map(m, io);
		break;
	}
}

static void
host_enqueue(struct io *io)
{
	struct host *h = host_of_backend;

	if (h->queued == QUEUE_MAX)
		abort();
	h->queue[h->queued++] = io;
}

static enum answer
host_answer(void)
{
	struct host *h = host_of_backend;

	return h->answer == ANSWER_MIXED ? h->turn++ % ANSWER_MIXED :
	                                   h->answer;
}

static enum io_verdict
memory_submit(struct backend *b, struct io *io)
{
	switch (host_answer()) {
	case ANSWER_NOW:
		memory_do((struct memory *)b, io);
		return IO_DONE;
	case ANSWER_WORK:
		return IO_BLOCK;
	default:
		io->backend = b;
		host_enqueue(io);
		return IO_LATER;
	}
}

static enum io_verdict
memory_work(struct backend *b, struct io *io)
{
	memory_do((struct memory *)b, io);
	return IO_DONE;
}

static int
memory_read_now(struct backend *b, void *data, uint64_t offset, size_t len)
{
	int error;

	if (host_answer() != ANSWER_NOW)
		return EAGAIN;
	error = host_fault(host_of_backend);
	if (error == 0)
		memcpy(data, ((struct memory *)b)->data + offset, len);
	return error;
}

static int
memory_cached(struct backend *b, uint64_t offset, size_t len)
{
	(void)offset;
	(void)len;
	if (host_of_backend->file == 0 || host_answer() != ANSWER_NOW ||
	    b != host_of_backend->exports[1]->backend)
		return -1;
	return host_of_backend->file;
}

static bool
memory_sparse(struct backend *b)
{
	(void)b;
	return host_of_backend->sparse;
}

static void
memory_free(struct backend *b)
{
	free(((struct memory *)b)->data);
	free(b);
}

static const struct backend_ops memory_ops = {
	.name = "memory",
	.submit = memory_submit,
	.work = memory_work,
	.free = memory_free,
	.read_now = memory_read_now,
	.cached = memory_cached,
	.sparse = memory_sparse,
};

/* Every 8 bytes hold their own offset, big-endian. */
static unsigned char
pattern_at(uint64_t at)
{
	return (unsigned char)((at & ~(uint64_t)7) >> (56 - 8 * (at & 7)));
}

static inline bool
is_pattern(const unsigned char *p, uint64_t at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != pattern_at(at + i))
			return false;
	return true;
}

static struct backend *
memory_backend(uint64_t size, bool writable)
{
	struct memory *m = calloc(1, sizeof(*m));

	m->backend.ops = &memory_ops;
	m->backend.size = size;
	m->backend.caps = BACKEND_FLUSH | BACKEND_FUA | BACKEND_CACHE |
	    BACKEND_MULTI_CONN | BACKEND_MAP;
	if (writable)
		m->backend.caps |= BACKEND_WRITE | BACKEND_TRIM |
		    BACKEND_ZERO | BACKEND_FAST_ZERO;
	m->backend.block_min = 1;
	m->backend.block_preferred = 4096;
	m->data = malloc(size);
	for (uint64_t i = 0; i < size; i++)
		m->data[i] = pattern_at(i);
	return &m->backend;
}

static inline unsigned char *
host_disk(struct host *h, unsigned i)
{
	return ((struct memory *)h->exports[i]->backend)->data;
}

/* --- the registry, with generations made by hand --------------------------- */

static struct generation *
host_export(struct host *h, const char *name, struct backend *b)
{
	struct node *n = calloc(1, sizeof(*n));
	struct generation *g = &n->generation;
	struct export *e = export_new(h->registry, name);

	atomic_init(&g->refs, 1);
	strlcpy(g->name, name, sizeof(g->name));
	g->backend = b;
	g->size = b->size;
	g->export = e;
	g->registry = h->registry;
	record_init(&g->record);
	g->record.mode = b->caps & BACKEND_WRITE ? MODE_RW : MODE_RO;
	g->stats_slot = STATS_NOWHERE;
	return g;
}

static void
host_join(struct generation *g)
{
	pthread_mutex_lock(&g->registry->lock);
	g->clients++;
	g->export->clients++;
	pthread_mutex_unlock(&g->registry->lock);
}

/* Answer a negotiation that waits. */
static void
host_acquired(struct host *h)
{
	struct generation *g = NULL;

	h->acquiring = false;
	for (size_t i = 0; i < 3; i++)
		if (h->name_len == strlen(h->exports[i]->name) &&
		    memcmp(h->name, h->exports[i]->name, h->name_len) == 0)
			g = h->exports[i];
	if (g == NULL) {
		session_acquired(h->session, h->refusal != REFUSE_NOT ?
		    h->refusal : REFUSE_UNKNOWN, NULL, "no such export");
		return;
	}
	generation_ref(g);
	if (h->joining)
		host_join(g);
	session_acquired(h->session, REFUSE_NOT, g, "");
}

static void
host_acquire(void *arg, const char *name, size_t len, bool join)
{
	struct host *h = arg;

	h->acquiring = true;
	h->joining = join;
	h->name_len = len < sizeof(h->name) ? len : 0;
	memcpy(h->name, name, h->name_len);
	if (!h->hold_acquire)
		host_acquired(h);
}

static void
host_work(void *arg, struct backend *b, struct io *io)
{
	(void)arg;
	io->backend = b;
	host_enqueue(io);
}

static void
host_done(struct io *io)
{
	session_complete(io);
}

static struct catalog *
host_catalog(void *arg)
{
	struct host *h = arg;

	atomic_fetch_add(&h->catalog->refs, 1);
	return h->catalog;
}

static struct stats_counters *
host_entered(void *arg, struct generation *g)
{
	struct host *h = arg;

	(void)g;
	return h->counters;
}

static const struct session_host host_calls = {
	.acquire = host_acquire,
	.work = host_work,
	.done = host_done,
	.catalog = host_catalog,
	.entered = host_entered,
};

static void
host_make_catalog(struct host *h, size_t count)
{
	struct catalog *c = calloc(1, sizeof(*c) +
	    count * sizeof(c->entries[0]));

	catalog_unref(h->catalog);
	atomic_init(&c->refs, 1);
	c->count = count;
	for (size_t i = 0; i < count; i++) {
		snprintf(c->entries[i].name, NAME_SIZE, "export-%05zu", i);
		c->entries[i].generation = h->exports[0];
		generation_ref(h->exports[0]);
	}
	h->catalog = c;
}

/* --- the conversation ------------------------------------------------------ */

static void
host_session(struct host *h)
{
	h->config.peer = &h->peer;
	h->config.pool = &h->pool;
	h->verdict = SESSION_MORE;
	h->peak = 0;
	h->read = 0;
	buf_reset(&h->in);
	buf_reset(&h->out);
	h->session = session_new(&host_calls, h, &h->config);
}

static void
host_begin(struct host *h)
{
	struct registry_options o = { .probe = false };

	memset(h, 0, sizeof(*h));
	host_of_backend = h;
	h->registry = registry_new(&o, NULL, NULL, NULL, NULL);
	h->exports[0] = host_export(h, "disk",
	    memory_backend(DISK_SIZE, true));
	h->exports[1] = host_export(h, "pattern",
	    memory_backend(DISK_SIZE, false));
	h->exports[2] = host_export(h, "odd", memory_backend(100003, true));
	host_make_catalog(h, 3);
	h->peer.is_unix = true;
	h->budget.limit = 64 * HOST_MiB;
	pool_init(&h->pool, &h->budget);
	buf_init(&h->in, SIZE_MAX / 2);
	buf_init(&h->out, SIZE_MAX / 2);
	h->window = SIZE_MAX;
	h->config.listing = h->config.no_zeroes = true;
	h->config.max_options = 64;
	h->config.max_handshake = 128 * HOST_KiB;
	h->config.max_requests = 128;
	h->config.max_queued = HOST_MiB;
}

/* They cannot be sent from there: read, maybe at once. */
static bool
host_refuse_file(struct host *h)
{
	h->broken = session_output_refused(h->session) == -1;
	return !h->broken && !session_fetching(h->session);
}

/* What the next bytes from a file are, at most max. */
static size_t
host_send_file(struct host *h, size_t max, bool *again)
{
	uint64_t offset;
	static char data[65536];
	ssize_t n;
	int fd;
	size_t len = session_output_file(h->session, &fd, &offset);

	if (len > 0 && h->no_file) {
		*again = host_refuse_file(h);
		return 0;
	}
	if (len > max)
		len = max;
	n = len == 0 ? 0 : pread(fd, data, len < sizeof(data) ? len :
	    sizeof(data), (off_t)offset);
	if (n > 0)
		buf_add(&h->out, data, (size_t)n);
	return n > 0 ? (size_t)n : 0;
}

/* What the client takes now, into h->out. */
static size_t
host_drain(struct host *h)
{
	struct iovec iov[8];
	size_t n, total = 0;
	int count;

	if (h->patience > 0 && --h->patience == 0)
		h->window = SIZE_MAX;
	if (session_queued(h->session) > h->peak)
		h->peak = session_queued(h->session);
	if (h->budget.used > h->peak_used)
		h->peak_used = h->budget.used;
	while (total < h->window) {
		bool again = false;

		n = 0;
		count = session_output(h->session, iov, 8);
		if (count == 0)
			n = host_send_file(h, h->window - total, &again);
		if (again)
			continue;
		if (count == 0 && n == 0)
			break;
		for (int i = 0; i < count && total + n < h->window; i++) {
			size_t len = iov[i].iov_len;

			if (len > h->window - total - n)
				len = h->window - total - n;
			buf_add(&h->out, iov[i].iov_base, len);
			n += len;
		}
		session_sent(h->session, n);
		total += n;
	}
	return total;
}

/*
 * Run until nothing moves by itself any more: the session wants input and has
 * had it all, or waits for the client or for a completion, or has closed.
 */
static void
host_run(struct host *h)
{
	size_t used, sent;

	do {
		h->verdict = session_run(h->session, h->in.data, h->in.len,
		    &used);
		if (used > 0) {
			memmove(h->in.data, h->in.data + used,
			    h->in.len - used);
			h->in.len -= used;
		}
		sent = host_drain(h);
	} while (h->verdict == SESSION_AGAIN ||
	    (h->verdict == SESSION_WAIT && sent > 0));
}

static void
host_feed(struct host *h, const void *data, size_t len)
{
	buf_add(&h->in, data, len);
	host_run(h);
}

/* Let the i-th of those that wait end, and the session go on. */
static void
host_complete(struct host *h, size_t i)
{
	struct io *io = h->queue[i];

	h->queued--;
	memmove(&h->queue[i], &h->queue[i + 1],
	    (h->queued - i) * sizeof(h->queue[0]));
	if (backend_work(io->backend, io) == IO_DONE)
		io->done(io);
	host_run(h);
}

/* In the order of arrival. */
static inline void
host_complete_all(struct host *h)
{
	while (h->queued > 0)
		host_complete(h, 0);
}

/* Nothing may be left over: memory, clients, pieces. */
static bool
host_end_session(struct host *h)
{
	bool clean = true;

	if (h->acquiring) {
		host_acquired(h);
	}
	while (h->queued > 0) { /* of a connection that has gone */
		struct io *io = h->queue[--h->queued];

		backend_work(io->backend, io);
		io->done(io);
	}
	clean = session_pending(h->session) == 0;
	session_free(h->session);
	h->session = NULL;
	for (size_t i = 0; i < 3; i++)
		clean = clean && h->exports[i]->clients == 0 &&
		    h->exports[i]->export->clients == 0;
	return clean && h->budget.used == 0;
}

static inline void
host_end(struct host *h)
{
	if (h->session != NULL)
		host_end_session(h);
	catalog_unref(h->catalog);
	for (size_t i = 0; i < 3; i++)
		generation_unref(h->exports[i]);
	registry_free(h->registry);
	pool_free(&h->pool);
	buf_free(&h->in);
	buf_free(&h->out);
}

/* --- what a client says ---------------------------------------------------- */

static inline void
put_flags(struct buf *b, uint32_t flags)
{
	unsigned char p[4];

	wire_put32(p, flags);
	buf_add(b, p, sizeof(p));
}

static inline void
put_option(struct buf *b, uint32_t option, const void *data, size_t len)
{
	unsigned char p[WIRE_OPTION];

	wire_put64(p, NBD_OPTION_MAGIC);
	wire_put32(p + 8, option);
	wire_put32(p + 12, (uint32_t)len);
	buf_add(b, p, sizeof(p));
	buf_add(b, data, len);
}

/* NBD_OPT_INFO or NBD_OPT_GO with the first count of the infos 0, 1, 2, 3. */
static inline void
put_go(struct buf *b, uint32_t option, const char *name, unsigned count)
{
	unsigned char p[128];
	size_t len = strlen(name);

	wire_put32(p, (uint32_t)len);
	memcpy(p + 4, name, len);
	wire_put16(p + 4 + len, (uint16_t)count);
	for (unsigned i = 0; i < count; i++)
		wire_put16(p + 6 + len + 2 * (size_t)i, (uint16_t)i);
	put_option(b, option, p, 6 + len + 2 * (size_t)count);
}

static inline void
put_request(struct buf *b, uint16_t command, uint16_t flags, uint64_t cookie,
    uint64_t offset, uint32_t length)
{
	unsigned char p[WIRE_REQUEST];

	wire_put32(p, NBD_REQUEST_MAGIC);
	wire_put16(p + 4, flags);
	wire_put16(p + 6, command);
	wire_put64(p + 8, cookie);
	wire_put64(p + 16, offset);
	wire_put32(p + 24, length);
	buf_add(b, p, sizeof(p));
}

/* A WRITE whose payload is the pattern of another place. */
static inline void
put_write(struct buf *b, uint16_t flags, uint64_t cookie, uint64_t offset,
    uint32_t length, uint64_t pattern)
{
	unsigned char *p = malloc(length + 1u);

	put_request(b, NBD_CMD_WRITE, flags, cookie, offset, length);
	for (uint32_t i = 0; i < length; i++)
		p[i] = pattern_at(pattern + i);
	buf_add(b, p, length);
	free(p);
}

/* Greeting, flags and GO, taken: the test begins in transmission. */
static inline void
host_go(struct host *h, const char *name)
{
	struct buf b;

	buf_init(&b, 65536);
	put_flags(&b, NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
	put_go(&b, NBD_OPT_GO, name, 0);
	host_session(h);
	host_feed(h, b.data, b.len);
	buf_free(&b);
	h->read = h->out.len;
}

/* --- what it gets ---------------------------------------------------------- */

/* The next bytes, or NULL when they are not there. */
static inline const unsigned char *
host_take(struct host *h, size_t n)
{
	const unsigned char *p = (const unsigned char *)h->out.data + h->read;

	if (h->out.len - h->read < n)
		return NULL;
	h->read += n;
	return p;
}

/* The next simple reply: its error, or -1; *cookie is its cookie. */
static inline int64_t
host_reply(struct host *h, uint64_t *cookie)
{
	const unsigned char *p = host_take(h, WIRE_SIMPLE_REPLY);

	if (p == NULL || wire_get32(p) != NBD_SIMPLE_REPLY_MAGIC)
		return -1;
	*cookie = wire_get64(p + 8);
	return wire_get32(p + 4);
}

static inline bool
host_replied(struct host *h, uint64_t cookie, uint32_t error)
{
	uint64_t got = 0;

	return host_reply(h, &got) == error && got == cookie;
}

/* The next reply to an option has this type; its data is skipped. */
static inline bool
host_option_replied(struct host *h, uint32_t option, uint32_t type)
{
	const unsigned char *p = host_take(h, WIRE_OPTION_REPLY);

	return p != NULL && wire_get64(p) == NBD_REPLY_MAGIC &&
	    wire_get32(p + 8) == option && wire_get32(p + 12) == type &&
	    host_take(h, wire_get32(p + 16)) != NULL;
}

static inline bool
host_nothing_more(const struct host *h)
{
	return h->read == h->out.len;
}

#endif
