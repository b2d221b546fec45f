/*
 * secure: TLS of a connection.  The channel has no descriptor; here are the
 * few system calls that move its bytes, and the handshake in turns.
 */
#include <sys/socket.h>

#include <errno.h>

#include "loop/connpriv.h"
#include "loop/refusals.h"
#include "loop/transport.h"

/* --- the transport -------------------------------------------------------- */

/* As much of the session's output as there is room for; -1 with errno. */
static ssize_t
encrypt(struct conn *c)
{
	struct iovec iov[TRANSPORT_IOV];
	ssize_t n, total = 0;
	int count;

	while ((count = session_output(c->session, iov, TRANSPORT_IOV)) > 0) {
		n = tls_channel_write(c->tls, iov, (size_t)count);
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		session_sent(c->session, (size_t)n);
		total += n;
	}
	return total;
}

/* Send what is encrypted: bytes, 0 when there is nothing, -1 with errno. */
static ssize_t
push(struct conn *c)
{
	int more = session_queued(c->session) > 0 ? MSG_MORE : 0;
	const void *data;
	size_t len = tls_channel_output(c->tls, &data);
	ssize_t n;

	if (len == 0)
		return 0;
	do
		n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT | more);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		tls_channel_sent(c->tls, (size_t)n);
	return n;
}

static ssize_t
tls_flush(struct conn *c)
{
	ssize_t n, total = 0;

	do {
		if ((n = encrypt(c)) == -1)
			return -1;
		total += n;
		n = push(c);
	} while (n > 0);
	return n == -1 && errno != EAGAIN ? -1 : total;
}

/* Receive for the channel, once: as recv(2). */
static ssize_t
fill(struct conn *c)
{
	void *place;
	size_t room = tls_channel_space(c->tls, &place);
	ssize_t n;
	int saved;

	if (room == 0) { /* what is there waits for output to leave */
		errno = EAGAIN;
		return -1;
	}
	n = recv(c->fd, place, room, MSG_DONTWAIT);
	saved = errno;
	tls_channel_filled(c->tls, n > 0 ? (size_t)n : 0);
	if (n == 0)
		tls_channel_ended(c->tls);
	errno = saved;
	return n;
}

static ssize_t
tls_receive(struct conn *c, void *place, size_t room)
{
	ssize_t n = tls_channel_read(c->tls, place, room);

	if (n != -1 || errno != EAGAIN || fill(c) == -1)
		return n;
	return tls_channel_read(c->tls, place, room);
}

const struct transport transport_tls = {
	.flush = tls_flush,
	.receive = tls_receive,
};

size_t
secure_unsent(const struct conn *c)
{
	const void *data;

	return c->tls != NULL ? tls_channel_output(c->tls, &data) : 0;
}

bool
secure_ready(const struct conn *c)
{
	return c->tls != NULL && tls_channel_ready(c->tls);
}

bool
secure_end(struct conn *c)
{
	ssize_t n;

	if (c->tls == NULL)
		return true;
	do {
		if (session_queued(c->session) == 0)
			tls_channel_bye(c->tls); /* as soon as there is room */
		n = push(c);
	} while (n > 0);
	return n == 0 || errno != EAGAIN;
}

/* --- the handshake -------------------------------------------------------- */

static void
refuse(struct conn *c, const char *reason)
{
	c->refused = true;
	refusals_log(c->loop->server->refusals, REFUSED_TLS, &c->peer, NULL, 0,
	    reason);
	conn_end(c, reason);
}

static void
done(struct conn *c)
{
	c->peer.secure = true;
	c->peer.proof = c->proof = tls_channel_proof(c->tls);
	session_secured(c->session);
	c->verdict = SESSION_MORE;
	conn_runnable(c); /* its next option may be here already */
	conn_watch(c);
}

void
secure_turn(struct conn *c)
{
	enum tls_step step;

	if (c->stash != NULL) { /* nobody in the middle speaks for the client */
		refuse(c, "the client sent more in clear behind STARTTLS");
		return;
	}
	if (session_queued(c->session) > 0) { /* NBD_REP_ACK, still in clear */
		conn_watch(c);
		return;
	}
	if (c->tls == NULL) {
		c->tls = tls_channel_new(c->settings->tls, &c->loop->pool);
		if (c->tls == NULL) {
			conn_end(c, "out of memory");
			return;
		}
		c->transport = &transport_tls;
	}
	if (fill(c) == -1 && errno != EAGAIN && errno != EINTR) {
		refuse(c, "connection lost in the TLS handshake");
		return;
	}
	step = tls_channel_handshake(c->tls);
	if (step == TLS_FAILED)
		refuse(c, tls_channel_error(c->tls));
	else if (push(c) == -1 && errno != EAGAIN)
		refuse(c, "connection lost in the TLS handshake");
	else if (step == TLS_DONE)
		done(c);
	else
		conn_watch(c);
}
