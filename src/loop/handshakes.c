/* handshakes: who is ended so that others have a place. */
#include "base/clock.h"
#include "loop/connpriv.h"
#include "loop/handshakes.h"
#include "loop/limits.h"
#include "loop/refusals.h"
#include "loop/server.h"

#define GRACE 1.0      /* seconds in which an honest client is done */
#define NEARLY_FULL .9 /* of max-connections: then there is no grace */
#define LOOKED_AT 8    /* of the oldest */
#define ENDED_AT_ONCE 2 /* per newcomer: so that there are fewer in the end */

#define SLICE (100 * CLOCK_MS / 1000)

bool
handshakes_have_time(struct loop *l)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC);

	if (l->shake_end == 0)
		l->shake_end = now + SLICE;
	return now < l->shake_end;
}

/*
 * A loop's share of the places.  However small max-connections is, half of
 * them are for those who come in.
 */
static unsigned
share(const struct conn *c)
{
	const struct server *s = c->loop->server;
	uint64_t half = s->started->config.max_connections / 2;
	uint64_t most = c->settings->config.max_handshakes;
	unsigned loops = s->nloops;

	if (most > half)
		most = half > 0 ? half : 1;
	return (unsigned)((most + loops - 1) / loops);
}

/*
 * How old a handshake must be before another takes its place.  A thousand
 * machines that boot at the same moment are many handshakes, too, and none of
 * them is to fail; a flood, that would take all places, leaves less time.
 */
static double
grace(const struct conn *c)
{
	const struct server *s = c->loop->server;
	double full = (double)s->started->config.max_connections * NEARLY_FULL;
	double total = (double)limits_total(s->limits);

	return total < full ? GRACE * (1 - total / full) : 0;
}

/*
 * Of the oldest, one of the address with the most connections.  Who waits for
 * us to find an export is not to blame.
 */
static struct conn *
slowest(struct loop *l, double age)
{
	struct conn *c, *worst = NULL;
	uint64_t n, most = 0;
	unsigned looked = 0;

	TAILQ_FOREACH(c, &l->handshakes, shake_link) {
		if (looked++ == LOOKED_AT || ev_now(l->ev) - c->opened < age)
			break;
		if (session_pending(c->session) > 0)
			continue;
		n = limits_of(l->server->limits, &c->peer);
		if (n > most) {
			most = n;
			worst = c;
		}
	}
	return worst;
}

static void
make_room(struct loop *l, double age)
{
	static const char reason[] = "max-handshakes reached, and it was slow";
	struct conn *c = slowest(l, age);

	if (c == NULL)
		return;
	c->refused = true;
	refusals_log(l->server->refusals, REFUSED_LIMIT, &c->peer, NULL, 0,
	    reason);
	conn_end(c, reason);
}

void
handshakes_add(struct conn *c)
{
	struct loop *l = c->loop;
	unsigned most = share(c);

	for (int i = 0; i < ENDED_AT_ONCE && l->nhandshakes >= most; i++)
		make_room(l, grace(c));
	ev_set_priority(&c->io, HANDSHAKES_PRIORITY);
	c->opened = ev_now(l->ev);
	c->shaking = true;
	TAILQ_INSERT_TAIL(&l->handshakes, c, shake_link);
	l->nhandshakes++;
}

void
handshakes_remove(struct conn *c)
{
	if (!c->shaking)
		return;
	ev_io_stop(c->loop->ev, &c->io); /* until it is watched again */
	ev_set_priority(&c->io, 0);
	c->shaking = false;
	TAILQ_REMOVE(&c->loop->handshakes, c, shake_link);
	c->loop->nhandshakes--;
}
