/*
 * channel: GnuTLS over memory.  Its push and pull functions move bytes from and
 * to the chunks, the loop moves those from and to the socket.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/impl.h"

#define RECORD 16384       /* RFC 8446, 5.1: the most in one record */
#define RECORD_ROOM 18432  /* with all that may be around and before it */
#define HANDSHAKE_MAX 32768 /* a message, such as a client's certificates */
#define IDLE_MAX 100       /* reads that come to nothing, one after the other */
/*
 * Larger ones save system calls and cost more than that in the caches: for
 * 1 MiB read 256 KiB take a fifth more of the server's CPU.
 */
#define IN_SIZE CHUNK_SMALL
#define OUT_SIZE CHUNK_SMALL

/* --- push and pull --------------------------------------------------------- */

/* All of it, unless memory is short: then a record's worth, over the budget. */
static struct chunk *
get(struct tls_channel *t, size_t size)
{
	struct chunk *c = chunk_get(t->pool, size, false);

	return c != NULL ? c : chunk_get(t->pool, RECORD_ROOM, true);
}

static size_t
room(struct tls_channel *t)
{
	if (t->out == NULL)
		t->out = get(t, OUT_SIZE);
	return t->out == NULL ? 0 : t->out->cap - t->out->end;
}

static ssize_t
push(gnutls_transport_ptr_t arg, const void *data, size_t len)
{
	struct tls_channel *t = arg;
	size_t n = room(t);

	if (n == 0) {
		gnutls_transport_set_errno(t->session,
		    t->out == NULL ? ENOMEM : EAGAIN);
		return -1;
	}
	if (n > len)
		n = len;
	memcpy(t->out->data + t->out->end, data, n);
	t->out->end += n;
	return (ssize_t)n;
}

static size_t
waiting(const struct tls_channel *t)
{
	return t->in != NULL ? t->in->end - t->in->start : 0;
}

static ssize_t
pull(gnutls_transport_ptr_t arg, void *data, size_t len)
{
	struct tls_channel *t = arg;
	size_t n = waiting(t);

	if (n == 0) {
		gnutls_transport_set_errno(t->session, EAGAIN);
		return t->ended ? 0 : -1;
	}
	if (n > len)
		n = len;
	memcpy(data, t->in->data + t->in->start, n);
	t->in->start += n;
	return (ssize_t)n;
}

static int
pull_timeout(gnutls_transport_ptr_t arg, unsigned ms)
{
	const struct tls_channel *t = arg;

	(void)ms; /* nobody waits */
	return waiting(t) > 0 || t->ended;
}

/* --- life ------------------------------------------------------------------ */

static int
setup(struct tls_channel *t)
{
	const struct tls_creds *c = t->creds;
	gnutls_session_t s = t->session;

	gnutls_session_set_ptr(s, t);
	gnutls_transport_set_ptr(s, t);
	gnutls_transport_set_push_function(s, push);
	gnutls_transport_set_pull_function(s, pull);
	gnutls_transport_set_pull_timeout_function(s, pull_timeout);
	gnutls_handshake_set_timeout(s, 0); /* the connection's timer it is */
	gnutls_handshake_set_max_packet_length(s, HANDSHAKE_MAX);
	if (c->verify == TLS_VERIFY_NO)
		gnutls_certificate_server_set_request(s, GNUTLS_CERT_IGNORE);
	else
		gnutls_certificate_server_set_request(s,
		    c->verify == TLS_VERIFY_REQUIRED ? GNUTLS_CERT_REQUIRE :
		    GNUTLS_CERT_REQUEST);
	if (gnutls_priority_set(s, c->priority) < 0)
		return -1;
	if (c->x509 != NULL && gnutls_credentials_set(s,
	    GNUTLS_CRD_CERTIFICATE, c->x509) < 0)
		return -1;
	if (c->psk != NULL && gnutls_credentials_set(s, GNUTLS_CRD_PSK,
	    c->psk) < 0)
		return -1;
	return 0;
}

/* No tickets: a connection to an image lasts, and they would be sent unasked. */
struct tls_channel *
tls_channel_new(struct tls_creds *creds, struct pool *pool)
{
	struct tls_channel *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->creds = tls_creds_ref(creds);
	t->pool = pool;
	if (gnutls_init(&t->session, GNUTLS_SERVER | GNUTLS_NONBLOCK |
	    GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS) < 0)
		t->session = NULL;
	if (t->session == NULL || setup(t) == -1) {
		tls_channel_free(t);
		return NULL;
	}
	return t;
}

void
tls_channel_free(struct tls_channel *t)
{
	if (t == NULL)
		return;
	if (t->session != NULL)
		gnutls_deinit(t->session);
	chunk_put(t->pool, t->in);
	chunk_put(t->pool, t->out);
	tls_creds_unref(t->creds);
	free(t);
}

/* --- the network's side ---------------------------------------------------- */

static void
release(struct tls_channel *t, struct chunk **c)
{
	if (*c == NULL || (*c)->start < (*c)->end)
		return;
	chunk_put(t->pool, *c);
	*c = NULL;
}

size_t
tls_channel_space(struct tls_channel *t, void **place)
{
	if (waiting(t) > 0)
		return 0;
	if (t->in == NULL && (t->in = get(t, IN_SIZE)) == NULL)
		return 0;
	t->in->start = t->in->end = 0;
	*place = t->in->data;
	return t->in->cap;
}

void
tls_channel_filled(struct tls_channel *t, size_t n)
{
	t->in->end = n;
	release(t, &t->in);
}

void
tls_channel_ended(struct tls_channel *t)
{
	t->ended = true;
}

size_t
tls_channel_output(const struct tls_channel *t, const void **data)
{
	if (t->out == NULL)
		return 0;
	*data = t->out->data + t->out->start;
	return t->out->end - t->out->start;
}

void
tls_channel_sent(struct tls_channel *t, size_t n)
{
	t->out->start += n;
	t->blocked = false;
	release(t, &t->out);
}

/* --- failure --------------------------------------------------------------- */

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

/* --- the application's side ------------------------------------------------ */

enum tls_step
tls_channel_handshake(struct tls_channel *t)
{
	int rc;

	/* Warnings change nothing; each has taken some of what came. */
	do
		rc = gnutls_handshake(t->session);
	while (rc < 0 && rc != GNUTLS_E_AGAIN && rc != GNUTLS_E_INTERRUPTED &&
	    !gnutls_error_is_fatal(rc) && waiting(t) > 0);
	release(t, &t->in);
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
	if (waiting(t) < before || waiting(t) == 0)
		t->idle = 0;
	else if (++t->idle > IDLE_MAX)
		fail(t, GNUTLS_E_INTERNAL_ERROR);
	return waiting(t) > 0 && !t->blocked && !t->failed;
}

ssize_t
tls_channel_read(struct tls_channel *t, void *buf, size_t len)
{
	size_t got = 0, before;
	ssize_t n;

	while (got < len && !t->over && !t->failed) {
		before = waiting(t);
		n = gnutls_record_recv(t->session, (char *)buf + got,
		    len - got);
		if (n > 0)
			got += (size_t)n;
		else if (n == 0)
			t->over = true;
		else if (!again(t, n, before))
			break;
	}
	release(t, &t->in);
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
	    (waiting(t) > 0 && !t->blocked);
}

ssize_t
tls_channel_write(struct tls_channel *t, const struct iovec *iov, size_t count)
{
	size_t at = 0, total = 0, n;
	ssize_t rc;

	while (count > 0 && !t->failed && room(t) >= RECORD_ROOM) {
		n = iov->iov_len - at;
		if (n == 0) {
			at = 0;
			iov++;
			count--;
			continue;
		}
		rc = gnutls_record_send(t->session, (char *)iov->iov_base + at,
		    n < RECORD ? n : RECORD);
		if (rc < 0) {
			fail(t, (int)rc);
			break;
		}
		total += (size_t)rc;
		at += (size_t)rc;
	}
	if (count > 0 && t->out == NULL && !t->failed)
		fail(t, GNUTLS_E_MEMORY_ERROR);
	if (t->failed && total == 0) {
		errno = EPROTO;
		return -1;
	}
	return (ssize_t)total;
}

void
tls_channel_bye(struct tls_channel *t)
{
	if (!t->established || t->failed || t->bye || room(t) < RECORD_ROOM)
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
