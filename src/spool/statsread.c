/*
 * stats: a reader's snapshot.  What the mapping holds is another process's
 * and changes all the time: nothing is believed that was not checked.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "spool/statsfile.h"

/* How long a reader waits for a moment in which no connection ends. */
#define QUIET_NS (100 * CLOCK_MS)

static uint64_t
get(stats_word *w)
{
	return atomic_load_explicit(w, memory_order_acquire);
}

static uint32_t
get32(_Atomic uint32_t *w)
{
	return atomic_load_explicit(w, memory_order_acquire);
}

/* Ends with a NUL whatever the words hold; size is at most words * 8. */
static void
get_text(char *dst, size_t size, stats_word *src)
{
	uint64_t w;
	size_t n;

	for (size_t at = 0; at < size; at += 8) {
		n = size - at < 8 ? size - at : 8;
		w = get(&src[at / 8]);
		memcpy(dst + at, &w, n);
	}
	dst[size - 1] = '\0';
}

static void
get_totals(struct stats_totals *t, struct stats_counters *c)
{
	uint64_t *to = (uint64_t *)t;

	for (size_t i = 0; i < STATS_TOTALS; i++)
		to[i] = get(&stats_words(c)[i]);
}

static void
add_totals(struct stats_totals *t, const struct stats_totals *more)
{
	const uint64_t *from = (const uint64_t *)more;
	uint64_t *to = (uint64_t *)t;

	for (size_t i = 0; i < STATS_TOTALS; i++)
		to[i] += from[i];
}

/* One attempt at a snapshot. */
struct attempt {
	uint32_t exports, conns; /* slots to look at */
	uint32_t *row;           /* per export slot: its row, or NOWHERE */
	uint32_t *seq;           /* per row: which export is in the slot */
	struct stats_snapshot *out;
};

/* Room for the slots in use now, at least; slots are never unused again. */
static int
attempt_room(struct attempt *a, struct stats *s)
{
	uint32_t nexports = get32(&s->header->exports_used);
	uint32_t nconns = get32(&s->header->conns_used);
	struct stats_export_row *exports;
	struct stats_conn_row *conns;
	uint32_t *row, *seq;

	if (nexports > s->nexports)
		nexports = s->nexports;
	if (nconns > s->nconns)
		nconns = s->nconns;
	if (a->row != NULL && nexports == a->exports && nconns == a->conns)
		return 0;
	a->exports = nexports;
	a->conns = nconns;
	/* One more than needed: an empty allocation may be NULL. */
	if ((exports = reallocarray(a->out->exports, a->exports + 1u,
	    sizeof(*exports))) != NULL)
		a->out->exports = exports;
	if ((conns = reallocarray(a->out->conns, a->conns + 1u,
	    sizeof(*conns))) != NULL)
		a->out->conns = conns;
	if ((row = reallocarray(a->row, a->exports + 1u, sizeof(*row))) !=
	    NULL)
		a->row = row;
	if ((seq = reallocarray(a->seq, a->exports + 1u, sizeof(*seq))) !=
	    NULL)
		a->seq = seq;
	return exports != NULL && conns != NULL && row != NULL && seq != NULL ?
	    0 : -1;
}

/* What is in a slot at one moment; false when nothing is, or it changes. */
static bool
read_export(struct stats_export_slot *e, struct stats_export_row *r,
    uint32_t *seq)
{
	*seq = get32(&e->seq);
	if (*seq % 2 != 0 || get32(&e->used) != 1)
		return false;
	get_text(r->name, sizeof(r->name), e->name);
	get_totals(&r->totals, &e->ended);
	return get32(&e->seq) == *seq && name_valid(r->name);
}

static bool
read_conn(struct stats_conn_slot *c, struct stats_conn_row *r,
    uint32_t *export)
{
	uint32_t seq = get32(&c->seq);

	if (seq % 2 != 0 || get32(&c->used) != 1)
		return false;
	get_text(r->name, sizeof(r->name), c->name);
	get_text(r->address, sizeof(r->address), c->address);
	get_text(r->identity, sizeof(r->identity), c->identity);
	r->tls = get32(&c->tls) == 1;
	r->generation = get(&c->generation);
	r->started = get(&c->started);
	*export = get32(&c->export);
	get_totals(&r->totals, &c->counters);
	return get32(&c->seq) == seq && name_valid(r->name);
}

/* Exports before connections: see stats_conn_close(). */
static void
attempt_read(struct attempt *a, struct stats *s)
{
	struct stats_snapshot *o = a->out;
	struct stats_export_row *r;
	uint32_t export;

	o->nexports = o->nconns = 0;
	get_totals(&o->all, &s->header->daemon.gone);
	for (uint32_t i = 0; i < a->exports; i++) {
		a->row[i] = STATS_NOWHERE;
		r = &o->exports[o->nexports];
		if (!read_export(&s->exports[i], r, &a->seq[o->nexports]))
			continue;
		r->slot = i;
		r->clients = 0;
		add_totals(&o->all, &r->totals);
		a->row[i] = (uint32_t)o->nexports++;
	}
	for (uint32_t i = 0; i < a->conns; i++) {
		if (!read_conn(&s->conns[i], &o->conns[o->nconns], &export))
			continue;
		add_totals(&o->all, &o->conns[o->nconns].totals);
		if (export < a->exports && a->row[export] != STATS_NOWHERE) {
			r = &o->exports[a->row[export]];
			r->clients++;
			add_totals(&r->totals, &o->conns[o->nconns].totals);
		}
		o->nconns++;
	}
}

/*
 * Again until no connection ended meanwhile, for a while.  Then, or when the
 * daemon died in the middle of it, what ended just now may be missing.
 */
static int
attempt_quiet(struct attempt *a, struct stats *s)
{
	uint64_t epoch, limit = clock_now(CLOCK_MONOTONIC) + QUIET_NS;
	bool late = false;

	for (;;) {
		if (attempt_room(a, s) == -1)
			return -1;
		epoch = get(&s->header->epoch);
		if (epoch % 2 == 0 || late) {
			a->out->taken = clock_now(CLOCK_REALTIME);
			attempt_read(a, s);
			if (late || get(&s->header->epoch) == epoch)
				return 0;
		}
		late = clock_now(CLOCK_MONOTONIC) > limit;
		sched_yield();
	}
}

/* The gauges, each for itself. */
static void
read_daemon(struct stats_daemon *d, struct stats_snapshot *o)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC), loops = get(&d->loops);

	o->workers = get(&d->workers);
	o->workers_busy = get(&d->workers_busy);
	o->workers_queued = get(&d->workers_queued);
	o->nloops = loops < STATS_LOOPS ? (size_t)loops : STATS_LOOPS;
	for (size_t i = 0; i < o->nloops; i++) {
		struct stats_loop_row *r = &o->loops[i];
		struct stats_loop *l = &d->loop[i];
		uint64_t age = now - get(&l->since), before = get(&l->before);

		r->rounds = get(&l->rounds);
		r->busy = get(&l->busy);
		r->lag = age < 2 * STATS_WINDOW ? get(&l->longest) : 0;
		if (age < STATS_WINDOW && before > r->lag)
			r->lag = before;
	}
}

/* Whatever is missing from a snapshot, its numbers never fall. */
static void
raise(struct stats_totals *t, const struct stats_totals *seen)
{
	const uint64_t *then = (const uint64_t *)seen;
	uint64_t *now = (uint64_t *)t;

	for (size_t i = 0; i < STATS_TOTALS; i++)
		if (now[i] < then[i])
			now[i] = then[i];
}

static void
never_fall(const struct attempt *a, struct stats *s)
{
	struct stats_export_row *r;
	struct stats_seen *seen;

	for (size_t i = 0; i < a->out->nexports; i++) {
		r = &a->out->exports[i];
		seen = &s->seen[r->slot];
		if (seen->seq == a->seq[i])
			raise(&r->totals, &seen->totals);
		seen->seq = a->seq[i];
		seen->totals = r->totals;
	}
	raise(&a->out->all, &s->seen_all);
	s->seen_all = a->out->all;
}

static int
by_name(const void *va, const void *vb)
{
	const struct stats_export_row *a = va, *b = vb;
	int order = strcmp(a->name, b->name);

	return order != 0 ? order : (a->slot > b->slot) - (a->slot < b->slot);
}

static int
by_age(const void *va, const void *vb)
{
	const struct stats_conn_row *a = va, *b = vb;
	int order = strcmp(a->name, b->name);

	if (order == 0)
		order = (a->started > b->started) - (a->started < b->started);
	return order != 0 ? order : strcmp(a->address, b->address);
}

int
stats_read(struct stats *s, struct stats_snapshot *out, struct diag *d)
{
	struct attempt a = { .out = out };
	int rc;

	memset(out, 0, sizeof(*out));
	if (stats_still_there(s, d) == -1)
		return -1;
	rc = attempt_quiet(&a, s);
	if (rc == 0) {
		never_fall(&a, s);
		read_daemon(&s->header->daemon, out);
		qsort(out->exports, out->nexports, sizeof(*out->exports),
		    by_name);
		qsort(out->conns, out->nconns, sizeof(*out->conns), by_age);
	} else {
		diag_errno(d, "cannot read the counters");
		stats_snapshot_free(out);
	}
	free(a.row);
	free(a.seq);
	return rc;
}

void
stats_snapshot_free(struct stats_snapshot *s)
{
	free(s->exports);
	free(s->conns);
	memset(s, 0, sizeof(*s));
}
