/*
 * conn: bytes from the socket into the session and back.  What the socket is
 * watched for is computed in one place, interest().
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/conn.h"
#include "loop/host.h"
#include "loop/limits.h"
#include "loop/server.h"

#define CONN_IOV 64
#define CONN_CLOSING_TIME 5. /* seconds for the last output */
#define CONN_HAGGLING_TIME 1. /* of a connection when the server ends */

static void
log_end_of(const struct conn *c, const char *reason)
{
	const struct generation *g = session_generation(c->session);
	struct stats_counters *n;
	struct log_line l;

	log_begin(&l, c->logged ? LEVEL_INFO : LEVEL_DEBUG, "disconnected");
	log_str(&l, "client", c->peer.text);
	if (g != NULL) {
		log_str(&l, "export", g->name);
		log_num(&l, "generation", g->number);
		log_str(&l, "mode", mode_names[g->record.mode]);
	}
	if (c->stats_slot != STATS_NOWHERE) {
		n = stats_conn_counters(c->loop->server->stats, c->stats_slot);
		log_num(&l, "read", atomic_load(&n->bytes_read));
		log_num(&l, "written", atomic_load(&n->bytes_written));
		log_num(&l, "errors", atomic_load(&n->errors));
	}
	log_str(&l, "reason", reason);
	log_end(&l);
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
	chunk_put(&l->pool, c->stash);
	settings_unref(c->settings);
	free(c);
	atomic_fetch_sub(&l->load, 1);
}

static void
reap(struct conn *c)
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

/* Close the socket; the rest goes when the workers have let go of it. */
static void
conn_end(struct conn *c, const char *reason)
{
	struct loop *l = c->loop;

	ev_io_stop(l->ev, &c->io);
	ev_timer_stop(l->ev, &c->timer);
	log_end_of(c, reason);
	swallow(c);
	close(c->fd);
	c->fd = -1;
	c->state = CONN_DEAD;
	limits_leave(l->server->limits, &c->peer);
	server_descriptor_freed(l->server);
	reap(c);
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

/* What the socket is watched for, from the state and the buffers alone. */
static int
interest(const struct conn *c)
{
	int events = 0;

	if (session_queued(c->session) > 0)
		events |= EV_WRITE;
	if (c->state == CONN_OPEN && c->verdict == SESSION_MORE &&
	    c->stash == NULL)
		events |= EV_READ;
	return events;
}

static void
watch(struct conn *c)
{
	int events = interest(c);

	if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) ==
	    events)
		return;
	ev_io_stop(c->loop->ev, &c->io);
	if (events == 0)
		return;
	ev_io_set(&c->io, c->fd, events);
	ev_io_start(c->loop->ev, &c->io);
}

/* Send what the socket takes: bytes sent, or -1 when the client is lost. */
static ssize_t
flush(struct conn *c)
{
	struct iovec iov[CONN_IOV];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n, total = 0;

	for (;;) {
		msg.msg_iovlen = (size_t)session_output(c->session, iov,
		    CONN_IOV);
		if (msg.msg_iovlen == 0)
			return total;
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? total : -1;
		session_sent(c->session, (size_t)n);
		total += n;
	}
}

static void
arm(struct conn *c, double seconds)
{
	ev_timer_stop(c->loop->ev, &c->timer);
	ev_timer_set(&c->timer, seconds, 0.);
	ev_timer_start(c->loop->ev, &c->timer);
}

/* The session has closed: its last bytes are sent, for a while. */
static void
closing(struct conn *c)
{
	if (session_queued(c->session) == 0) {
		conn_end(c, session_reason(c->session));
		return;
	}
	if (c->state == CONN_OPEN) {
		c->state = CONN_CLOSING;
		arm(c, CONN_CLOSING_TIME);
	}
	watch(c);
}

static bool
finished(const struct conn *c)
{
	return c->stopping && c->verdict == SESSION_MORE &&
	    c->stash == NULL && session_in_transmission(c->session) &&
	    session_quiet(c->session);
}

/* After the session was run: send, and see what comes next. */
static void
settle(struct conn *c)
{
	ssize_t sent = flush(c);

	if (sent == -1) {
		conn_end(c, "connection lost while sending");
		return;
	}
	if (c->verdict == SESSION_CLOSE) {
		closing(c);
		return;
	}
	if (ev_is_active(&c->timer) && !c->stopping &&
	    session_in_transmission(c->session))
		ev_timer_stop(c->loop->ev, &c->timer);
	if (c->verdict == SESSION_AGAIN || finished(c) ||
	    (c->verdict == SESSION_WAIT && sent > 0))
		conn_runnable(c);
	watch(c);
}

/* Put by what the session did not take; it is at most a buffer of input. */
static bool
keep(struct conn *c, const unsigned char *data, size_t len)
{
	c->stash = chunk_get(&c->loop->pool, len, true);
	if (c->stash == NULL)
		return false;
	memcpy(c->stash->data, data, len);
	c->stash->end = len;
	return true;
}

static void
feed(struct conn *c, const unsigned char *data, size_t len)
{
	size_t used;

	c->verdict = session_run(c->session, data, len, &used);
	if (c->verdict != SESSION_CLOSE && used < len &&
	    !keep(c, data + used, len - used)) {
		conn_end(c, "out of memory");
		return;
	}
	settle(c);
}

/* The session runs on, with what was put by if there is any. */
static void
feed_stash(struct conn *c)
{
	struct chunk *k = c->stash;
	size_t used = 0;

	c->verdict = session_run(c->session, k != NULL ? k->data + k->start :
	    NULL, k != NULL ? k->end - k->start : 0, &used);
	if (k != NULL && (k->start += used) == k->end) {
		chunk_put(&c->loop->pool, k);
		c->stash = NULL;
	}
	settle(c);
}

/* Receive once, into the session's own memory if it has a place for it. */
static void
receive(struct conn *c)
{
	void *place = c->loop->input;
	size_t room = session_space(c->session, &place);
	bool direct = room > 0;
	ssize_t n = recv(c->fd, place, direct ? room :
	    sizeof(c->loop->input), MSG_DONTWAIT);

	if (n == 0)
		conn_end(c, "client closed the connection");
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		conn_end(c, "connection lost while receiving");
	else if (n == -1 && errno == EAGAIN && finished(c))
		conn_end(c, session_reason(c->session));
	else if (n > 0 && direct) {
		session_filled(c->session, (size_t)n);
		feed_stash(c);
	} else if (n > 0)
		feed(c, c->loop->input, (size_t)n);
}

void
conn_run(struct conn *c)
{
	switch (c->state) {
	case CONN_OPEN:
		if (finished(c)) /* requests that have arrived are answered */
			receive(c);
		else
			feed_stash(c);
		break;
	case CONN_CLOSING:
		break;
	case CONN_DEAD:
		reap(c);
		break;
	}
}

static void
on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	struct conn *c = w->data;
	ssize_t sent;

	(void)ev;
	if (revents & EV_READ) {
		receive(c);
		return;
	}
	sent = flush(c);
	if (sent == -1)
		conn_end(c, "connection lost while sending");
	else if (c->state == CONN_CLOSING)
		closing(c);
	else
		conn_run(c);
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
	else
		conn_end(c, "handshake took too long");
}

void
conn_shutdown(struct conn *c, const char *reason)
{
	if (c->state != CONN_OPEN)
		return;
	c->stopping = true;
	session_shutdown(c->session, reason);
	if (!session_in_transmission(c->session))
		arm(c, CONN_HAGGLING_TIME);
	conn_runnable(c);
}

/* One that reads no replies would stay as long as it likes. */
void
conn_kick(struct conn *c, const char *reason)
{
	if (c->state != CONN_OPEN || c->stopping)
		return;
	conn_shutdown(c, reason);
	arm(c, (double)c->settings->config.drain_timeout);
}

static struct session *
new_session(struct conn *c)
{
	const struct config *cf = &c->settings->config;
	struct session_config sc = {
		.peer = &c->peer,
		.pool = &c->loop->pool,
		.default_export = cf->default_export,
		.listing = cf->listing,
		.no_zeroes = cf->no_zeroes,
		.max_options = (unsigned)cf->max_options,
		.max_handshake = cf->max_handshake,
		.max_requests = (unsigned)cf->max_requests,
		.max_queued = cf->max_queued,
	};

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
	c->peer = *peer;
	c->stats_slot = STATS_NOWHERE;
	c->settings = server_settings(l->server);
	c->session = new_session(c);
	if (c->session == NULL) {
		settings_unref(c->settings);
		free(c);
		return NULL;
	}
	ev_io_init(&c->io, on_io, fd, EV_READ);
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
	TAILQ_INSERT_TAIL(&l->conns, c, link);
	arm(c, (double)c->settings->config.handshake_timeout);
	if (l->stopping)
		conn_shutdown(c, "server is shutting down");
	conn_run(c);
}
