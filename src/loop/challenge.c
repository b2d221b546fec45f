/* challenge: a message to each loop, and a timer per connection asked. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "base/clock.h"
#include "loop/challenge.h"
#include "loop/connpriv.h"
#include "loop/peer.h"
#include "loop/server.h"

#define TICK 0.1      /* seconds */
#define GIVE_UP 4500  /* ms */
#define UNANSWERED 3  /* probes, or retransmissions, that prove a death */
#define CLOCK_TICK 20 /* ms: no kernel's clock is coarser */

struct challenge {
	ev_timer timer;
	uint64_t since;
};

void
challenge_free(struct conn *c)
{
	if (c->challenge == NULL)
		return;
	ev_timer_stop(c->loop->ev, &c->challenge->timer);
	free(c->challenge);
	c->challenge = NULL;
}

static uint64_t
now_ms(void)
{
	return clock_now(CLOCK_MONOTONIC) / CLOCK_MS;
}

static void
answered(struct conn *c)
{
	registry_answered(session_generation(c->session),
	    clock_now(CLOCK_MONOTONIC));
}

/*
 * A probe a second from now on; false: the socket has no probes.  With
 * TCP_USER_TIMEOUT set, the kernel would look at that and not at the number of
 * probes (tcp(7)).
 */
static bool
press(int fd)
{
	int one = 1, probes = UNANSWERED;
	unsigned none = 0;

	if (setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &none,
	    sizeof(none)) == -1)
		return false;
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof(one));
	return true;
}

enum verdict { WAITS, ALIVE, DEAD, UNKNOWN };

/*
 * With data on its way there are no probes: then the retransmissions count,
 * which are as good.  A client that vanished behind a full window, which is
 * asked at ever longer intervals, may stay unknown; TCP_USER_TIMEOUT gets it.
 */
static enum verdict
judge(const struct conn *c)
{
	uint64_t asked = now_ms() - c->challenge->since;
	struct tcp_info i = { 0 };
	socklen_t len = sizeof(i);

	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &i, &len) == -1)
		return UNKNOWN;
	if (i.tcpi_state == TCP_CLOSE)
		return DEAD;
	if (i.tcpi_last_ack_recv + CLOCK_TICK < asked)
		return ALIVE;
	if (asked < GIVE_UP)
		return WAITS;
	return (i.tcpi_unacked > 0 && i.tcpi_retransmits >= UNANSWERED) ||
	    i.tcpi_probes >= UNANSWERED ? DEAD : UNKNOWN;
}

static void
on_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct conn *c = w->data;
	enum verdict verdict = judge(c);

	(void)ev;
	(void)revents;
	if (verdict == WAITS)
		return;
	challenge_free(c);
	if (verdict == DEAD) {
		conn_end(c, "client did not answer, and another one wants its "
		    "exclusive export");
		return;
	}
	if (verdict == ALIVE)
		answered(c);
	peer_tune(c->fd, (unsigned)c->settings->config.keepalive);
}

/* Unix sockets, and those of virtual machines, are closed when who has them
 * dies: one that is open has an owner. */
static void
begin(struct conn *c)
{
	if (c->challenge != NULL)
		return;
	if (!press(c->fd)) {
		answered(c);
		return;
	}
	c->challenge = calloc(1, sizeof(*c->challenge));
	if (c->challenge == NULL) {
		peer_tune(c->fd, (unsigned)c->settings->config.keepalive);
		return;
	}
	c->challenge->since = now_ms();
	ev_timer_init(&c->challenge->timer, on_tick, TICK, TICK);
	c->challenge->timer.data = c;
	ev_timer_start(c->loop->ev, &c->challenge->timer);
}

/* To one loop. */
struct call {
	struct job job;
	struct loop *loop;
	char name[NAME_SIZE];
};

static void
called(struct job *job)
{
	struct call *call = CONTAINER(job, struct call, job);
	const struct generation *g;
	struct conn *c;

	TAILQ_FOREACH(c, &call->loop->conns, link) {
		g = session_generation(c->session);
		if (c->state != CONN_DEAD && g != NULL &&
		    strcmp(g->name, call->name) == 0)
			begin(c);
	}
	free(call);
}

/* Where memory is short the newcomer waits in vain, no more. */
void
challenge_clients(struct server *s, const char *name)
{
	struct call *call;

	for (unsigned i = 0; i < s->nloops; i++) {
		if ((call = calloc(1, sizeof(*call))) == NULL)
			return;
		call->loop = s->loops[i];
		strlcpy(call->name, name, sizeof(call->name));
		call->job.run = called;
		loop_post(call->loop, &call->job);
	}
}
