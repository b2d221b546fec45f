/*
 * connio: bytes from the socket into the session and back.  What the socket is
 * watched for is computed in one place, interest().
 */
#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "loop/connpriv.h"
#include "loop/handshakes.h"
#include "loop/transport.h"

#define CONN_CLOSING_TIME 5. /* seconds for the last output */

/*
 * Of a long payload so much is to come before it is looked at: 1 MiB takes two
 * or three calls of recv(2) then, and not eight.
 */
#define CONN_ENOUGH (256 * 1024)
#define CONN_ENOUGH_MIN (64 * 1024) /* for less it is not worth the call */

/* In a TLS handshake only what comes after the ACK has left is for us. */
static bool
wants_input(const struct conn *c)
{
	if (c->state != CONN_OPEN || c->stash != NULL)
		return false;
	return c->verdict == SESSION_MORE ||
	    (c->verdict == SESSION_TLS && session_queued(c->session) == 0);
}

/* What the socket is watched for, from the state and the buffers alone. */
static int
interest(const struct conn *c)
{
	int events = 0;

	if ((session_queued(c->session) > 0 && !session_fetching(c->session)) ||
	    secure_unsent(c) > 0)
		events |= EV_WRITE;
	if (wants_input(c))
		events |= EV_READ;
	return events;
}

void
conn_watch(struct conn *c)
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

static void
send_failed(struct conn *c)
{
	conn_end(c, errno == EPROTO && c->tls != NULL ?
	    tls_channel_error(c->tls) : errno == EIO ? "image ended or failed in the middle of a reply" :
	    "connection lost while sending");
}

/* The session has closed: its last bytes are sent, for a while. */
static void
closing(struct conn *c)
{
	if (session_queued(c->session) == 0 && secure_end(c)) {
		conn_end(c, session_reason(c->session));
		return;
	}
	if (c->state == CONN_OPEN) {
		c->state = CONN_CLOSING;
		conn_arm(c, CONN_CLOSING_TIME);
	}
	conn_watch(c);
}

static bool
finished(const struct conn *c)
{
	return c->stopping && c->verdict == SESSION_MORE &&
	    c->stash == NULL && session_in_transmission(c->session) &&
	    session_quiet(c->session) && secure_unsent(c) == 0;
}

/*
 * What TLS sends is more than the payload, and it has its own buffer.  Unix
 * sockets do not wait for more, and where vsock(7) cannot have as much in its
 * buffer, recv(2) fails with ENOMEM.
 */
static bool
waits_for_more(const struct conn *c)
{
	return c->tls == NULL && !c->peer.is_unix &&
	    peer_family(&c->peer) != FAMILY_VSOCK;
}

static void
expect(struct conn *c)
{
	size_t n = waits_for_more(c) ? session_awaits(c->session) : 0;
	int enough = n < CONN_ENOUGH_MIN ? 1 :
	    n < CONN_ENOUGH ? (int)n : CONN_ENOUGH;

	if (enough != c->enough && setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT,
	    &enough, sizeof(enough)) == 0)
		c->enough = enough;
}

/* After the session was run: send, and see what comes next. */
static void
settle(struct conn *c)
{
	ssize_t sent;

	expect(c);
	if (c->verdict == SESSION_TLS && c->stash != NULL) {
		secure_turn(c);
		return;
	}
	sent = c->transport->flush(c);
	if (sent == -1) {
		send_failed(c);
		return;
	}
	if (c->verdict == SESSION_CLOSE) {
		closing(c);
		return;
	}
	if (c->verdict == SESSION_TLS) {
		secure_turn(c);
		return;
	}
	if (ev_is_active(&c->timer) && !c->stopping &&
	    session_in_transmission(c->session))
		ev_timer_stop(c->loop->ev, &c->timer);
	if (c->verdict == SESSION_AGAIN || finished(c) ||
	    (c->verdict == SESSION_WAIT && sent > 0) ||
	    (wants_input(c) && secure_ready(c)))
		conn_runnable(c);
	conn_watch(c);
}

/* The session was run: the time of its replies is known when the round ends. */
static void
note_replies(struct conn *c)
{
	if (c->replied || !session_replied(c->session))
		return;
	c->replied = true;
	TAILQ_INSERT_TAIL(&c->loop->replied, c, replied_link);
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
	note_replies(c);
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
	note_replies(c);
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
	ssize_t n = c->transport->receive(c, place, direct ? room :
	    sizeof(c->loop->input));

	if (n == 0)
		conn_end(c, "client closed the connection");
	else if (n == -1 && errno == EPROTO && c->tls != NULL)
		conn_end(c, tls_channel_error(c->tls));
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		conn_end(c, "connection lost while receiving");
	else if (n == -1 && errno == EAGAIN && finished(c))
		conn_end(c, session_reason(c->session));
	else if (n == -1)
		feed_stash(c); /* other things may have moved */
	else if (direct) {
		session_filled(c->session, (size_t)n);
		feed_stash(c);
	} else
		feed(c, c->loop->input, (size_t)n);
}

void
conn_run(struct conn *c)
{
	loop_works(c->loop);
	switch (c->state) {
	case CONN_OPEN:
		if (c->verdict == SESSION_TLS)
			secure_turn(c);
		else if (finished(c) || /* what has arrived is answered */
		    (wants_input(c) && secure_ready(c)))
			receive(c);
		else
			feed_stash(c);
		break;
	case CONN_CLOSING:
		conn_watch(c);
		break;
	case CONN_DEAD:
		conn_reap(c);
		break;
	}
}

void
conn_on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	struct conn *c = w->data;
	ssize_t sent;

	(void)ev;
	if (c->shaking && !handshakes_have_time(c->loop))
		return;
	loop_works(c->loop);
	c->loop->worked = true;
	if ((revents & EV_READ) && c->verdict != SESSION_TLS) {
		receive(c);
		return;
	}
	sent = c->transport->flush(c);
	if (sent == -1)
		send_failed(c);
	else if (c->state == CONN_CLOSING)
		closing(c);
	else
		conn_run(c);
}
