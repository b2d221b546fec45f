/*
 * channel: GnuTLS over memory: its life and the network's side.  Push and pull
 * functions move bytes from and to the chunks, the loop those from and to the
 * socket.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls/impl.h"

#define HANDSHAKE_MAX 32768 /* a message, such as a client's certificates */
#define IN_SIZE CHUNK_SMALL
/*
 * A piece of payload leaves at once, from a chunk that the pool keeps: 5 sends
 * per MiB and not 16, and one for 32 replies of 4 KiB and not two.
 */
#define OUT_SIZE CHUNK_LARGE

/* --- push and pull -------------------------------------------------------- */

/* All of it, unless memory is short: then a record's worth, over the budget. */
static struct chunk *
get(struct tls_channel *t, size_t size)
{
	struct chunk *c = chunk_get(t->pool, size, false);

	return c != NULL ? c : chunk_get(t->pool, TLS_RECORD_ROOM, true);
}

size_t
channel_room(struct tls_channel *t)
{
	if (t->out == NULL)
		t->out = get(t, OUT_SIZE);
	return t->out == NULL ? 0 : t->out->cap - t->out->end;
}

static ssize_t
push(gnutls_transport_ptr_t arg, const void *data, size_t len)
{
	struct tls_channel *t = arg;
	size_t n = channel_room(t);

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

size_t
channel_waiting(const struct tls_channel *t)
{
	return t->in != NULL ? t->in->end - t->in->start : 0;
}

static ssize_t
pull(gnutls_transport_ptr_t arg, void *data, size_t len)
{
	struct tls_channel *t = arg;
	size_t n = channel_waiting(t);

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
	return channel_waiting(t) > 0 || t->ended;
}

/* New keys from the client: ours may have to follow. */
static int
on_rekey(gnutls_session_t session, unsigned type, unsigned post,
    unsigned incoming, const gnutls_datum_t *msg)
{
	struct tls_channel *t = gnutls_session_get_ptr(session);

	(void)type;
	(void)post;
	(void)msg;
	t->rekey = t->rekey || incoming;
	return 0;
}

/* --- life ----------------------------------------------------------------- */

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
	gnutls_handshake_set_hook_function(s, GNUTLS_HANDSHAKE_KEY_UPDATE,
	    GNUTLS_HOOK_POST, on_rekey);
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

/* No tickets: connections last, and they would be sent unasked. */
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
	seal_clear(&t->seal);
	chunk_put(t->pool, t->in);
	chunk_put(t->pool, t->out);
	tls_creds_unref(t->creds);
	free(t);
}

/* --- the network's side --------------------------------------------------- */

void
channel_release(struct tls_channel *t, struct chunk **c)
{
	if (*c == NULL || (*c)->start < (*c)->end)
		return;
	chunk_put(t->pool, *c);
	*c = NULL;
}

size_t
tls_channel_space(struct tls_channel *t, void **place)
{
	if (channel_waiting(t) > 0)
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
	channel_release(t, &t->in);
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
	channel_release(t, &t->out);
}
