/*
 * stats: the daemon's side of the counters.  Opening and closing a slot takes
 * a lock for a few stores; counting takes nothing.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "spool/places.h"
#include "spool/statsfile.h"


static void
put(stats_word *w, uint64_t value)
{
	atomic_store_explicit(w, value, memory_order_release);
}

static uint64_t
get(stats_word *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

static void
put_text(stats_word *dst, size_t words, const char *text)
{
	size_t len = strnlen(text, words * 8 - 1), n;
	uint64_t w;

	for (size_t i = 0; i < words; i++) {
		n = len < 8 ? len : 8;
		w = 0;
		memcpy(&w, text, n);
		put(&dst[i], w);
		text += n;
		len -= n;
	}
}

/* To odd before a change and to even behind it. */
static void
turn(_Atomic uint32_t *seq)
{
	atomic_store_explicit(seq,
	    atomic_load_explicit(seq, memory_order_relaxed) + 1,
	    memory_order_release);
}

static void
turn_epoch(struct stats *s)
{
	put(&s->header->epoch, get(&s->header->epoch) + 1);
}

/*
 * Give the file its memory now: a store into a hole of a full file system
 * would be a SIGBUS.  Nobody uses these bytes yet, so writing them is safe
 * where the file system cannot allocate.
 */
int
stats_reserve(int fd, uint64_t from, uint64_t to)
{
	static const char zeroes[4096];
	int rc;

	do
		rc = fallocate(fd, 0, (off_t)from, (off_t)(to - from));
	while (rc == -1 && errno == EINTR);
	if (rc == 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
		return rc;
	for (; from < to; from += sizeof(zeroes))
		if (pwrite(fd, zeroes, sizeof(zeroes), (off_t)from) !=
		    sizeof(zeroes))
			return -1;
	return 0;
}

static int
slots_init(struct stats_slots *l, uint64_t start, size_t size, uint32_t max)
{
	l->start = l->ready = start;
	l->size = size;
	l->max = max;
	l->free = calloc(max != 0 ? max : 1, sizeof(*l->free));
	return l->free != NULL ? 0 : -1;
}

/* The latest one given back comes first, so that the used ones stay few. */
static uint32_t
slot_take(struct stats *s, struct stats_slots *l, _Atomic uint32_t *used)
{
	uint64_t end;

	if (l->nfree > 0)
		return l->free[--l->nfree];
	if (l->used == l->max)
		return STATS_NOWHERE;
	end = l->start + (l->used + 1) * l->size;
	if (end > l->ready) {
		end = (end + STATS_PAGE - 1) / STATS_PAGE * STATS_PAGE;
		if (stats_reserve(s->fd, l->ready, end) == -1)
			return STATS_NOWHERE;
		l->ready = end;
	}
	atomic_store_explicit(used, ++l->used, memory_order_release);
	return l->used - 1;
}

int
stats_make_file(int statefd, const struct stats_layout *l)
{
	int fd;

	unlinkat(statefd, STATS_TEMP, 0);
	fd = openat(statefd, STATS_TEMP,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1)
		return -1;
	if (fchmod(fd, 0644) == 0 && ftruncate(fd, (off_t)l->end) == 0 &&
	    stats_reserve(fd, 0, STATS_PAGE) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
fill_header(struct stats_header *h, uint32_t exports, uint32_t conns)
{
	memcpy(h->magic, STATS_MAGIC, sizeof(h->magic));
	h->version = STATS_VERSION;
	h->header_size = sizeof(*h);
	h->export_size = sizeof(struct stats_export_slot);
	h->conn_size = sizeof(struct stats_conn_slot);
	h->exports = exports;
	h->conns = conns;
}

static int
setup(struct stats *s, int statefd, uint32_t exports, uint32_t conns)
{
	struct stats_layout l;
	int fd;

	if (!stats_layout(&l, exports, conns)) {
		errno = EINVAL;
		return -1;
	}
	if (slots_init(&s->export_slots, l.exports, sizeof(*s->exports),
	    exports) == -1 ||
	    slots_init(&s->conn_slots, l.conns, sizeof(*s->conns), conns) ==
	    -1)
		return -1;
	s->refs = calloc(exports != 0 ? exports : 1, sizeof(*s->refs));
	if (s->refs == NULL || (fd = stats_make_file(statefd, &l)) == -1)
		return -1;
	if (stats_map(s, fd, exports, conns, true) == -1)
		return -1;
	fill_header(s->header, exports, conns);
	/* Readers of an earlier daemon's file keep that one. */
	return renameat(statefd, STATS_TEMP, statefd, STATE_STATS);
}

struct stats *
stats_create(int statefd, uint32_t exports, uint32_t conns, struct diag *d)
{
	struct stats *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		diag_errno(d, "cannot create the counters");
		return NULL;
	}
	s->fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	if (setup(s, statefd, exports, conns) == -1) {
		diag_errno(d, "cannot create the counters %s", STATE_STATS);
		unlinkat(statefd, STATS_TEMP, 0);
		stats_close(s);
		return NULL;
	}
	return s;
}

uint32_t
stats_export_open(struct stats *s, const char *name)
{
	struct stats_export_slot *e;
	uint32_t slot;

	pthread_mutex_lock(&s->lock);
	slot = slot_take(s, &s->export_slots, &s->header->exports_used);
	if (slot != STATS_NOWHERE) {
		e = &s->exports[slot];
		turn(&e->seq);
		put_text(e->name, STATS_NAME_WORDS, name);
		for (size_t i = 0; i < STATS_TOTALS; i++)
			put(&stats_words(&e->ended)[i], 0);
		atomic_store_explicit(&e->used, 1, memory_order_release);
		turn(&e->seq);
		s->refs[slot] = 1;
	}
	pthread_mutex_unlock(&s->lock);
	return slot;
}

static void
move_counters(struct stats_counters *dst, struct stats_counters *src)
{
	stats_word *to = stats_words(dst), *from = stats_words(src);

	for (size_t i = 0; i < STATS_TOTALS; i++)
		put(&to[i], get(&to[i]) + get(&from[i]));
}

/*
 * Under an epoch.  The last one frees the slot: its owner, or a connection that
 * was longer.
 */
static void
export_unref(struct stats *s, uint32_t slot)
{
	struct stats_export_slot *e = &s->exports[slot];

	if (--s->refs[slot] > 0)
		return;
	move_counters(&s->header->daemon.gone, &e->ended);
	turn(&e->seq);
	atomic_store_explicit(&e->used, 0, memory_order_release);
	turn(&e->seq);
	s->export_slots.free[s->export_slots.nfree++] = slot;
}

void
stats_export_close(struct stats *s, uint32_t slot)
{
	if (slot == STATS_NOWHERE)
		return;
	pthread_mutex_lock(&s->lock);
	turn_epoch(s);
	export_unref(s, slot);
	turn_epoch(s);
	pthread_mutex_unlock(&s->lock);
}

static void
fill_conn(struct stats_conn_slot *c, const struct stats_client *client)
{
	const char *identity = client->identity;

	put_text(c->name, STATS_NAME_WORDS, client->name);
	put_text(c->address, STATS_ADDRESS_WORDS, client->address);
	put_text(c->identity, STATS_ADDRESS_WORDS,
	    identity != NULL ? identity : "");
	atomic_store_explicit(&c->tls, client->tls, memory_order_release);
	put(&c->generation, client->generation);
	put(&c->started, client->started);
}

uint32_t
stats_conn_open(struct stats *s, uint32_t export,
    const struct stats_client *client)
{
	struct stats_conn_slot *c;
	uint32_t slot;

	pthread_mutex_lock(&s->lock);
	slot = slot_take(s, &s->conn_slots, &s->header->conns_used);
	if (slot != STATS_NOWHERE) {
		if (export != STATS_NOWHERE)
			s->refs[export]++;
		c = &s->conns[slot];
		turn(&c->seq);
		for (size_t i = 0; i < STATS_TOTALS; i++)
			put(&stats_words(&c->counters)[i], 0);
		fill_conn(c, client);
		atomic_store_explicit(&c->export, export,
		    memory_order_release);
		atomic_store_explicit(&c->used, 1, memory_order_release);
		turn(&c->seq);
	}
	pthread_mutex_unlock(&s->lock);
	return slot;
}

struct stats_counters *
stats_conn_counters(struct stats *s, uint32_t slot)
{
	return slot != STATS_NOWHERE ? &s->conns[slot].counters : &s->nowhere;
}

/*
 * The slot is left before its counters are added: a reader that cannot get a
 * quiet moment then misses some of them, but counts none twice.
 */
void
stats_conn_close(struct stats *s, uint32_t slot)
{
	struct stats_conn_slot *c;
	uint32_t export;

	if (slot == STATS_NOWHERE)
		return;
	c = &s->conns[slot];
	pthread_mutex_lock(&s->lock);
	turn_epoch(s);
	turn(&c->seq);
	atomic_store_explicit(&c->used, 0, memory_order_release);
	turn(&c->seq);
	export = atomic_load_explicit(&c->export, memory_order_relaxed);
	if (export != STATS_NOWHERE) {
		move_counters(&s->exports[export].ended, &c->counters);
		export_unref(s, export);
	}
	turn_epoch(s);
	s->conn_slots.free[s->conn_slots.nfree++] = slot;
	pthread_mutex_unlock(&s->lock);
}

struct stats_daemon *
stats_daemon(struct stats *s)
{
	return &s->header->daemon;
}
