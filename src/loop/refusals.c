/* refusals: lines at a bounded rate, by kind and, for strangers, by address. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rate.h"
#include "loop/peer.h"
#include "loop/refusals.h"

#define TICK 5. /* seconds: how late the end of a flood may be told */
#define NAME_SHOWN 80 /* bytes of a name; an export's has no more than 64 */
#define NOBODYS "no export is for this address"

static const struct {
	const char *name;
	enum log_level level;
} kinds[REFUSED_KINDS] = {
	[REFUSED_HANDSHAKE] = { "handshake", LEVEL_INFO },
	[REFUSED_TLS] = { "tls", LEVEL_INFO },
	[REFUSED_EXPORT] = { "export", LEVEL_INFO },
	[REFUSED_LIMIT] = { "limit", LEVEL_WARNING },
	[REFUSED_ADDRESS] = { "address", LEVEL_INFO },
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
	ev_timer timer;
	struct ev_loop *ev; /* NULL: not started */
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
		rate_init(&r->rates[i], REFUSALS_PER_MINUTE);
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

static void
log_more(enum refused kind, uint64_t more)
{
	struct log_line l;

	if (more == 0)
		return;
	log_begin(&l, kinds[kind].level, "refused");
	log_str(&l, "kind", kinds[kind].name);
	log_num(&l, "more", more);
	log_str(&l, "reason", "so many more like this in the last minute");
	log_end(&l);
}

static void
log_one(enum log_level level, enum refused kind, const char *client,
    const char *name, size_t len, const char *reason)
{
	struct log_line l;

	log_begin(&l, level, "refused");
	log_str(&l, "kind", kinds[kind].name);
	log_str(&l, "client", client);
	if (name != NULL)
		log_bytes(&l, "export", name, len < NAME_SHOWN ? len :
		    NAME_SHOWN);
	log_str(&l, "reason", reason);
	log_end(&l);
}

void
refusals_log(struct refusals *r, enum refused kind, const struct peer *p,
    const char *name, size_t len, const char *reason)
{
	uint64_t more;
	bool passes = rate_take(&r->rates[kind], clock_now(CLOCK_MONOTONIC),
	    &more);

	log_more(kind, more);
	log_one(passes ? kinds[kind].level : LEVEL_DEBUG, kind, p->text, name,
	    len, reason);
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
		log_one(LEVEL_DEBUG, REFUSED_ADDRESS, p->text, NULL, 0,
		    NOBODYS);
		return;
	}
	s->since = clock_now(CLOCK_MONOTONIC);
	log_stranger(s);
}

/* Who came again has another line; who did not is forgotten. */
static void
look_back(struct refusals *r, uint64_t now, bool all)
{
	struct stranger *s;

	for (size_t i = 0; i < REFUSALS_ADDRESSES; i++) {
		s = &r->strangers[i];
		if (s->since == 0 || (!all && now - s->since < RATE_MINUTE))
			continue;
		if (s->more > 0)
			log_stranger(s);
		s->since = s->more > 0 ? now : 0;
		s->more = 0;
	}
}

static void
on_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct refusals *r = w->data;
	uint64_t now = clock_now(CLOCK_MONOTONIC);

	(void)ev;
	(void)revents;
	for (int i = 0; i < REFUSED_KINDS; i++)
		log_more(i, rate_over(&r->rates[i], now));
	look_back(r, now, false);
}

void
refusals_start(struct refusals *r, struct ev_loop *ev)
{
	r->ev = ev;
	ev_timer_init(&r->timer, on_tick, TICK, TICK);
	r->timer.data = r;
	ev_timer_start(ev, &r->timer);
}

void
refusals_stop(struct refusals *r)
{
	if (r->ev == NULL)
		return;
	ev_timer_stop(r->ev, &r->timer);
	r->ev = NULL;
	for (int i = 0; i < REFUSED_KINDS; i++)
		log_more(i, rate_rest(&r->rates[i]));
	look_back(r, clock_now(CLOCK_MONOTONIC), true);
}
