/* refusals: lines at a bounded rate, by kind and, for strangers, by address. */
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "base/log.h"
#include "base/rate.h"
#include "loop/loop.h"
#include "loop/peer.h"
#include "loop/refusals.h"

#define LATE .1 /* seconds: how late the end of a flood is told */
#define NAME_SHOWN 80 /* bytes of a name; an export's has no more than 64 */
#define NOBODYS "no export is for this address"

#define USUAL REFUSALS_PER_MINUTE
static const struct {
	const char *name;
	enum log_level level;
	unsigned limit; /* lines in a minute */
} kinds[REFUSED_KINDS] = {
	[REFUSED_HANDSHAKE] = { "handshake", LEVEL_INFO, USUAL },
	[REFUSED_TLS] = { "tls", LEVEL_INFO, USUAL },
	[REFUSED_EXPORT] = { "export", LEVEL_INFO, USUAL },
	[REFUSED_LIMIT] = { "limit", LEVEL_WARNING, USUAL },
	[REFUSED_ADDRESS] = { "address", LEVEL_INFO, USUAL },
	[REFUSED_NOT] = { NULL, LEVEL_INFO, REFUSALS_ENTRIES },
};

/* An address that is turned away again and again. */
struct stranger {
	struct network_key key;
	uint64_t since; /* its last line; 0: the place is free */
	uint64_t more;  /* connections after that */
	char text[sizeof ((struct peer *)0)->text];
};

struct refusals {
	struct rate rates[REFUSED_KINDS];
	struct stranger strangers[REFUSALS_ADDRESSES];
	struct loop *loop; /* the first; NULL: not started */
	ev_timer timer;    /* runs while something is held back */
	struct job wake;   /* to the loop, to start it */
	atomic_bool ticking, waking; /* the timer runs; the job is on its way */
};

struct refusals *
refusals_new(struct diag *d)
{
	struct refusals *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		diag_errno(d, "cannot count refusals");
		return NULL;
	}
	for (int i = 0; i < REFUSED_KINDS; i++)
		rate_init(&r->rates[i], kinds[i].limit);
	return r;
}

void
refusals_free(struct refusals *r)
{
	if (r == NULL)
		return;
	for (int i = 0; i < REFUSED_KINDS; i++)
		rate_destroy(&r->rates[i]);
	free(r);
}

/* Any thread: something is held back, whose end is to be told. */
static void
tick(struct refusals *r)
{
	if (r->loop != NULL && !atomic_load(&r->ticking) &&
	    !atomic_exchange(&r->waking, true))
		loop_post(r->loop, &r->wake);
}

static void
log_more(enum refused kind, uint64_t more)
{
	struct log_line l;

	if (more == 0)
		return;
	log_begin(&l, kinds[kind].level, kind == REFUSED_NOT ? "connected" :
	    "refused");
	if (kinds[kind].name != NULL)
		log_str(&l, "kind", kinds[kind].name);
	log_num(&l, "more", more);
	log_str(&l, "reason", "so many more like this in the last minute");
	log_end(&l);
}

static void
log_one(enum log_level level, enum refused kind, const struct peer *p,
    const char *name, size_t len, const char *reason)
{
	struct log_line l;

	log_begin(&l, level, "refused");
	log_str(&l, "kind", kinds[kind].name);
	log_str(&l, "client", p->text);
	if (p->proof != NULL)
		log_str(&l, "identity", p->proof->text);
	if (name != NULL)
		log_bytes(&l, "export", name, len < NAME_SHOWN ? len :
		    NAME_SHOWN);
	log_str(&l, "reason", reason);
	log_end(&l);
}

/* Whether a line of the kind may be logged; the summary before it is. */
static bool
passes(struct refusals *r, enum refused kind)
{
	uint64_t more;
	bool pass = rate_take(&r->rates[kind], clock_now(CLOCK_MONOTONIC),
	    &more);

	log_more(kind, more);
	if (!pass)
		tick(r);
	return pass;
}

bool
refusals_entry(struct refusals *r)
{
	return passes(r, REFUSED_NOT);
}

void
refusals_log(struct refusals *r, enum refused kind, const struct peer *p,
    const char *name, size_t len, const char *reason)
{
	log_one(passes(r, kind) ? kinds[kind].level : LEVEL_DEBUG, kind, p,
	    name, len, reason);
}

/* The place that remembers p, or a free one; NULL: they are all taken. */
static struct stranger *
find(struct refusals *r, const struct peer *p)
{
	struct stranger *s, *unused = NULL;
	struct network_key key = peer_network(p);

	for (size_t i = 0; i < REFUSALS_ADDRESSES; i++) {
		s = &r->strangers[i];
		if (s->since == 0)
			unused = s;
		else if (memcmp(&s->key, &key, sizeof(key)) == 0)
			return s;
	}
	if (unused != NULL) {
		memset(unused, 0, sizeof(*unused));
		unused->key = key;
	}
	return unused;
}

static void
log_stranger(const struct stranger *s)
{
	struct log_line l;

	log_begin(&l, kinds[REFUSED_ADDRESS].level, "refused");
	log_str(&l, "kind", kinds[REFUSED_ADDRESS].name);
	log_str(&l, "client", s->text);
	if (s->more > 0)
		log_num(&l, "more", s->more);
	log_str(&l, "reason", NOBODYS);
	log_end(&l);
}

void
refusals_address(struct refusals *r, const struct peer *p)
{
	struct stranger *s = find(r, p);

	if (s == NULL) {
		refusals_log(r, REFUSED_ADDRESS, p, NULL, 0, NOBODYS);
		return;
	}
	memcpy(s->text, p->text, sizeof(s->text));
	if (s->since != 0) {
		s->more++;
		log_one(LEVEL_DEBUG, REFUSED_ADDRESS, p, NULL, 0,
		    NOBODYS);
		return;
	}
	s->since = clock_now(CLOCK_MONOTONIC);
	log_stranger(s);
	tick(r);
}

/*
 * Who came again has another line; who did not is forgotten.  Whether any is
 * remembered still.
 */
static bool
look_back(struct refusals *r, uint64_t now, bool all)
{
	struct stranger *s;
	bool some = false;

	for (size_t i = 0; i < REFUSALS_ADDRESSES; i++) {
		s = &r->strangers[i];
		if (s->since != 0 && (all || now - s->since >= RATE_MINUTE)) {
			if (s->more > 0)
				log_stranger(s);
			s->since = s->more > 0 ? now : 0;
			s->more = 0;
		}
		some = some || s->since != 0;
	}
	return some;
}

/* The end of the first minute that ends; one that begins now ends later. */
static uint64_t
due(struct refusals *r, uint64_t now)
{
	uint64_t first = now + RATE_MINUTE, t;

	for (int i = 0; i < REFUSED_KINDS; i++)
		if ((t = rate_due(&r->rates[i])) != 0 && t < first)
			first = t;
	for (size_t i = 0; i < REFUSALS_ADDRESSES; i++)
		if ((t = r->strangers[i].since) != 0 && t + RATE_MINUTE < first)
			first = t + RATE_MINUTE;
	return first;
}

static void
sleep_on(struct refusals *r)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC), then = due(r, now);

	ev_timer_set(&r->timer, (then > now ? (double)(then - now) /
	    (double)CLOCK_SECOND : 0.) + LATE, 0.);
	ev_timer_start(r->loop->ev, &r->timer);
}

/*
 * The timer ends when nothing is held back, so that an idle daemon sleeps.
 * Said before looking: what comes meanwhile starts it again.
 */
static void
on_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct refusals *r = w->data;
	uint64_t now = clock_now(CLOCK_MONOTONIC);
	bool some;

	(void)ev;
	(void)revents;
	atomic_store(&r->ticking, false);
	some = look_back(r, now, false);
	for (int i = 0; i < REFUSED_KINDS; i++) {
		log_more(i, rate_over(&r->rates[i], now));
		some = some || rate_held(&r->rates[i]);
	}
	if (!some)
		return;
	atomic_store(&r->ticking, true);
	sleep_on(r);
}

static void
on_wake(struct job *job)
{
	struct refusals *r = CONTAINER(job, struct refusals, wake);

	atomic_store(&r->waking, false);
	atomic_store(&r->ticking, true);
	if (!ev_is_active(&r->timer))
		sleep_on(r);
}

void
refusals_start(struct refusals *r, struct loop *l)
{
	r->loop = l;
	r->wake.run = on_wake;
	ev_timer_init(&r->timer, on_tick, 0., 0.);
	r->timer.data = r;
}

void
refusals_stop(struct refusals *r)
{
	if (r->loop == NULL)
		return;
	ev_timer_stop(r->loop->ev, &r->timer);
	for (int i = 0; i < REFUSED_KINDS; i++)
		log_more(i, rate_rest(&r->rates[i]));
	look_back(r, clock_now(CLOCK_MONOTONIC), true);
}
