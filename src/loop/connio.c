/*
 * connio: bytes from the socket into the session and back.  What the socket is
 * watched for is computed in one place, interest().
 */
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "loop/connpriv.h"

#define CONN_IOV 64
#define CONN_CLOSING_TIME 5. /* seconds for the last output */

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

static size_t
length_of(const struct iovec *iov, size_t count)
{
	size_t length = 0;

	for (size_t i = 0; i < count; i++)
		length += iov[i].iov_len;
	return length;
}

/*
 * One system call's worth of output: bytes sent, 0 when there is nothing, -1
 * with errno.  A file that has ended before its bytes is EIO.
 */
static ssize_t
send_some(struct conn *c)
{
	struct iovec iov[CONN_IOV];
	struct msghdr msg = { .msg_iov = iov };
	uint64_t offset;
	off_t at;
	size_t len;
	ssize_t n;
	int fd, more;

	msg.msg_iovlen = (size_t)session_output(c->session, iov, CONN_IOV);
	if (msg.msg_iovlen > 0) {
		more = session_queued(c->session) >
		    length_of(iov, msg.msg_iovlen) ? MSG_MORE : 0;
		return sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT |
		    more);
	}
	len = session_output_file(c->session, &fd, &offset);
	if (len == 0)
		return 0;
	at = (off_t)offset;
	n = sendfile(c->fd, fd, &at, len);
	if (n == 0)
		errno = EIO;
	return n == 0 ? -1 : n;
}

/* Send what the socket takes: bytes sent, or -1 when the client is lost. */
static ssize_t
flush(struct conn *c)
{
	ssize_t n, total = 0;

	for (;;) {
		n = send_some(c);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? total : -1;
		if (n == 0)
			return total;
		session_sent(c->session, (size_t)n);
		total += n;
	}
}

static void
send_failed(struct conn *c)
{
	conn_end(c, errno == EIO ? "image ended or failed in the middle of a "
	    "reply" : "connection lost while sending");
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
		conn_arm(c, CONN_CLOSING_TIME);
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
		send_failed(c);
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
	c->loop->worked = true;
	if (revents & EV_READ) {
		receive(c);
		return;
	}
	sent = flush(c);
	if (sent == -1)
		send_failed(c);
	else if (c->state == CONN_CLOSING)
		closing(c);
	else
		conn_run(c);
}
