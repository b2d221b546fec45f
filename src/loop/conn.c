/* conn: a connection's life, from accept to its one destructor. */
#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/acquire.h"
#include "loop/challenge.h"
#include "loop/chronicle.h"
#include "loop/connlog.h"
#include "loop/connpriv.h"
#include "loop/handshakes.h"
#include "loop/host.h"
#include "loop/limits.h"
#include "loop/refusals.h"
#include "loop/server.h"
#include "loop/transport.h"

#define CONN_HAGGLING_TIME 1. /* seconds, when the server ends */

static void
log_end_of(const struct conn *c, const char *reason)
{
	const struct stats_counters *n = c->stats_slot == STATS_NOWHERE ? NULL :
	    stats_conn_counters(c->loop->server->stats, c->stats_slot);

	connlog_end(&c->peer, session_generation(c->session), n,
	    c->logged ? LEVEL_INFO : LEVEL_DEBUG, reason);
	chronicle_ended(c->loop->server->recorder, c, n, reason);
}

/* The one destructor: nothing of the session is with a worker any more. */
static void
conn_free(struct conn *c)
{
	struct loop *l = c->loop;

	if (c->runnable)
		TAILQ_REMOVE(&l->runnable, c, run_link);
	TAILQ_REMOVE(&l->conns, c, link);
	if (c->stats_slot != STATS_NOWHERE)
		stats_conn_close(l->server->stats, c->stats_slot);
	session_free(c->session);
	tls_channel_free(c->tls);
	proof_free(c->proof);
	chunk_put(&l->pool, c->stash);
	settings_unref(c->settings);
	free(c);
	atomic_fetch_sub(&l->load, 1);
}

void
conn_reap(struct conn *c)
{
	if (session_pending(c->session) == 0)
		conn_free(c);
}

/*
 * A close with unread bytes in the socket would reset the connection and
 * could cost the client the replies that it has not read yet.
 */
static void
swallow(struct conn *c)
{
	for (int i = 0; i < 16; i++)
		if (recv(c->fd, c->loop->input, sizeof(c->loop->input),
		    MSG_DONTWAIT) <= 0)
			return;
}

void
conn_end(struct conn *c, const char *reason)
{
	struct loop *l = c->loop;

	ev_io_stop(l->ev, &c->io);
	ev_timer_stop(l->ev, &c->timer);
	if (session_refused(c->session) && !c->refused)
		conn_refused(c, NULL, 0, reason);
	handshakes_remove(c);
	if (c->replied) {
		TAILQ_REMOVE(&l->replied, c, replied_link);
		c->replied = false;
		session_took(c->session, clock_now(CLOCK_MONOTONIC) - l->round);
	}
	acquire_forget(c);
	challenge_free(c);
	log_end_of(c, reason);
	secure_end(c);
	swallow(c);
	close(c->fd);
	c->fd = -1;
	c->state = CONN_DEAD;
	limits_leave(l->server->limits, &c->peer);
	server_descriptor_freed(l->server);
	conn_reap(c);
}

void
conn_refused(struct conn *c, const char *name, size_t len, const char *reason)
{
	c->refused = true;
	refusals_log(c->loop->server->refusals, name != NULL ? REFUSED_EXPORT :
	    REFUSED_HANDSHAKE, &c->peer, name, len, reason);
}

void
conn_abort(struct conn *c, const char *reason)
{
	if (c->state != CONN_DEAD)
		conn_end(c, reason);
}

void
conn_runnable(struct conn *c)
{
	if (c->runnable)
		return;
	c->runnable = true;
	TAILQ_INSERT_TAIL(&c->loop->runnable, c, run_link);
}

void
conn_arm(struct conn *c, double seconds)
{
	ev_timer_stop(c->loop->ev, &c->timer);
	ev_timer_set(&c->timer, seconds, 0.);
	ev_timer_start(c->loop->ev, &c->timer);
}

static void
on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct conn *c = w->data;

	(void)ev;
	(void)revents;
	if (c->state == CONN_CLOSING)
		conn_end(c, session_reason(c->session));
	else if (c->stopping)
		conn_end(c, session_reason(c->session));
	else {
		conn_refused(c, NULL, 0, "handshake took too long");
		conn_end(c, "handshake took too long");
	}
}

void
conn_shutdown(struct conn *c, const char *reason)
{
	if (c->state != CONN_OPEN)
		return;
	c->stopping = true;
	session_shutdown(c->session, reason);
	if (!session_in_transmission(c->session))
		conn_arm(c, CONN_HAGGLING_TIME);
	conn_runnable(c);
}

/* One that reads no replies would stay as long as it likes. */
void
conn_kick(struct conn *c, const char *reason)
{
	if (c->state != CONN_OPEN || c->stopping)
		return;
	conn_shutdown(c, reason);
	conn_arm(c, (double)c->settings->config.drain_timeout);
}

static struct session *
new_session(struct conn *c)
{
	struct session_config sc = settings_session(c->settings);

	sc.peer = &c->peer;
	sc.pool = &c->loop->pool;
	sc.now = &c->loop->round;
	return session_new(&conn_host, c, &sc);
}

static struct conn *
conn_new(struct loop *l, int fd, const struct peer *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->loop = l;
	c->fd = fd;
	c->enough = 1;
	c->peer = *peer;
	c->transport = &transport_plain;
	c->stats_slot = STATS_NOWHERE;
	c->settings = server_settings(l->server);
	c->session = new_session(c);
	if (c->session == NULL) {
		settings_unref(c->settings);
		free(c);
		return NULL;
	}
	ev_io_init(&c->io, conn_on_io, fd, EV_READ);
	ev_timer_init(&c->timer, on_timer, 0., 0.);
	c->io.data = c->timer.data = c;
	return c;
}

void
conn_open(struct loop *l, int fd, const struct peer *peer)
{
	struct conn *c = conn_new(l, fd, peer);

	if (c == NULL) {
		log_error("refused", "no memory for a connection from %s",
		    peer->text);
		close(fd);
		limits_leave(l->server->limits, peer);
		atomic_fetch_sub(&l->load, 1);
		return;
	}
	handshakes_add(c);
	TAILQ_INSERT_TAIL(&l->conns, c, link);
	conn_arm(c, (double)c->settings->config.handshake_timeout);
	if (l->stopping)
		conn_shutdown(c, "server is shutting down");
	conn_run(c);
}
