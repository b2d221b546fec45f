/* record: the application's side of a channel, and how it fails. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "tls/impl.h"

#define IDLE_MAX 100 /* reads that come to nothing, one after the other */

/* --- failure -------------------------------------------------------------- */

void
tls_channel_blame(gnutls_session_t session, const char *fmt, ...)
{
	struct tls_channel *t = gnutls_session_get_ptr(session);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->error.text, sizeof(t->error.text), fmt, ap);
	va_end(ap);
}

/* What a callback said, and what came of it. */
static void
blamed(struct tls_channel *t, int rc)
{
	struct diag why = t->error;

	diag_set(&t->error, "%s; %s", why.text, gnutls_strerror(rc));
}

/* The client is told by an alert, the log by what is known best. */
static void
fail(struct tls_channel *t, int rc)
{
	t->failed = true;
	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
		diag_set(&t->error, "the client sent the alert: %s",
		    gnutls_alert_get_name(gnutls_alert_get(t->session)));
	else if (rc == GNUTLS_E_REHANDSHAKE)
		diag_set(&t->error, "the client wants to renegotiate");
	else if (rc == GNUTLS_E_PREMATURE_TERMINATION && !t->established)
		diag_set(&t->error, "the client ended the connection in the "
		    "middle of it");
	else if (t->error.text[0] == '\0' || t->established)
		diag_set(&t->error, "%s", gnutls_strerror(rc));
	else if (rc != GNUTLS_E_CERTIFICATE_ERROR)
		blamed(t, rc);
	if (rc == GNUTLS_E_REHANDSHAKE)
		gnutls_alert_send(t->session, GNUTLS_AL_FATAL,
		    GNUTLS_A_NO_RENEGOTIATION);
	else if (rc != GNUTLS_E_FATAL_ALERT_RECEIVED)
		gnutls_alert_send_appropriate(t->session, rc);
}

const char *
tls_channel_error(const struct tls_channel *t)
{
	return t->error.text;
}

/* --- the application's side ----------------------------------------------- */

enum tls_step
tls_channel_handshake(struct tls_channel *t)
{
	int rc;

	/* Warnings change nothing; each has taken some of what came. */
	do
		rc = gnutls_handshake(t->session);
	while (rc < 0 && rc != GNUTLS_E_AGAIN && rc != GNUTLS_E_INTERRUPTED &&
	    !gnutls_error_is_fatal(rc) && channel_waiting(t) > 0);
	channel_release(t, &t->in);
	if (rc == 0) {
		t->established = true;
		return TLS_DONE;
	}
	if (!gnutls_error_is_fatal(rc))
		return TLS_AGAIN;
	fail(t, rc);
	return TLS_FAILED;
}

/* What a failed record_recv() means: whether to try again at once. */
static bool
again(struct tls_channel *t, ssize_t rc, size_t before)
{
	switch (rc) {
	case GNUTLS_E_AGAIN:
	case GNUTLS_E_INTERRUPTED:
	case GNUTLS_E_WARNING_ALERT_RECEIVED:
		break;
	case GNUTLS_E_PREMATURE_TERMINATION: /* as good as a bye: NBD has DISC */
		t->over = true;
		return false;
	default:
		fail(t, (int)rc);
		return false;
	}
	t->blocked = gnutls_record_get_direction(t->session) == 1 &&
	    t->out != NULL && t->out->start < t->out->end;
	if (channel_waiting(t) < before || channel_waiting(t) == 0)
		t->idle = 0;
	else if (++t->idle > IDLE_MAX)
		fail(t, GNUTLS_E_INTERNAL_ERROR);
	return channel_waiting(t) > 0 && !t->blocked && !t->failed;
}

ssize_t
tls_channel_read(struct tls_channel *t, void *buf, size_t len)
{
	size_t got = 0, before;
	ssize_t n;

	while (got < len && !t->over && !t->failed) {
		before = channel_waiting(t);
		n = gnutls_record_recv(t->session, (char *)buf + got,
		    len - got);
		if (n > 0)
			got += (size_t)n;
		else if (n == 0)
			t->over = true;
		else if (!again(t, n, before))
			break;
	}
	channel_release(t, &t->in);
	if (got > 0)
		return (ssize_t)got;
	if (t->over)
		return 0;
	errno = t->failed ? EPROTO : EAGAIN;
	return -1;
}

bool
tls_channel_ready(const struct tls_channel *t)
{
	if (!t->established)
		return false;
	return t->over || t->failed ||
	    gnutls_record_check_pending(t->session) > 0 ||
	    (channel_waiting(t) > 0 && !t->blocked);
}

void
cursor_move(struct cursor *c, size_t n)
{
	c->at += n;
	while (c->count > 0 && c->at == c->iov->iov_len) {
		c->at = 0;
		c->iov++;
		c->count--;
	}
}

static ssize_t
send_record(struct tls_channel *t, struct cursor *c)
{
	size_t n = c->iov->iov_len - c->at;
	ssize_t rc = gnutls_record_send(t->session,
	    (char *)c->iov->iov_base + c->at, n < TLS_RECORD ? n : TLS_RECORD);

	if (rc < 0)
		return rc;
	t->full = t->full || rc == TLS_RECORD;
	t->rekey = false;
	cursor_move(c, (size_t)rc);
	return rc;
}

ssize_t
tls_channel_write(struct tls_channel *t, const struct iovec *iov, size_t count)
{
	struct cursor c = { iov, count, 0 };
	bool sealing = false;
	ssize_t rc = 0, total = 0;

	cursor_move(&c, 0);
	while (c.count > 0 && !t->failed && rc >= 0 && channel_room(t) >=
	    (sealing ? seal_room(&c) : TLS_RECORD_ROOM)) {
		sealing = sealing || seal_begin(t);
		rc = sealing ? seal_record(t, &c) : send_record(t, &c);
		if (rc > 0)
			total += rc;
	}
	if (sealing && seal_end(t) < 0)
		rc = GNUTLS_E_INTERNAL_ERROR;
	if (rc < 0)
		fail(t, (int)rc);
	if (c.count > 0 && t->out == NULL && !t->failed)
		fail(t, GNUTLS_E_MEMORY_ERROR);
	if (t->failed && total == 0) {
		errno = EPROTO;
		return -1;
	}
	return total;
}

void
tls_channel_bye(struct tls_channel *t)
{
	if (!t->established || t->failed || t->bye ||
	    channel_room(t) < TLS_RECORD_ROOM)
		return;
	t->bye = true;
	gnutls_bye(t->session, GNUTLS_SHUT_WR);
}

const char *
tls_channel_version(const struct tls_channel *t)
{
	return gnutls_protocol_get_name(gnutls_protocol_get_version(
	    t->session));
}
