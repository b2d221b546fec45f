/* tls: GnuTLS with a pull function that reads far ahead. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>

#include "t/bench/tls.h"

#define AHEAD (256 * 1024)
#define RECORD 16384
/* All servers are to be measured with the same cipher, whatever they prefer. */
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM"

struct tls {
	gnutls_session_t session;
	gnutls_certificate_credentials_t creds;
	int fd, flags; /* of the call that is running */
	size_t start, end, pending;
	unsigned char record[RECORD];
	unsigned char ahead[AHEAD];
};

static ssize_t
push(gnutls_transport_ptr_t arg, const void *data, size_t len)
{
	struct tls *t = arg;

	return send(t->fd, data, len, t->flags | MSG_NOSIGNAL);
}

static ssize_t
pull(gnutls_transport_ptr_t arg, void *data, size_t len)
{
	struct tls *t = arg;
	ssize_t n;

	if (t->start == t->end) {
		n = recv(t->fd, t->ahead, sizeof(t->ahead), t->flags);
		if (n <= 0)
			return n;
		t->start = 0;
		t->end = (size_t)n;
	}
	if (len > t->end - t->start)
		len = t->end - t->start;
	memcpy(data, t->ahead + t->start, len);
	t->start += len;
	return (ssize_t)len;
}

static int
setup(struct tls *t, const char *ca)
{
	int rc;

	if ((rc = gnutls_certificate_allocate_credentials(&t->creds)) < 0 ||
	    (rc = gnutls_certificate_set_x509_trust_file(t->creds, ca,
	    GNUTLS_X509_FMT_PEM)) < 0 ||
	    (rc = gnutls_init(&t->session, GNUTLS_CLIENT)) < 0 ||
	    (rc = gnutls_priority_set_direct(t->session, PRIORITY,
	    NULL)) < 0 ||
	    (rc = gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE,
	    t->creds)) < 0)
		return rc;
	gnutls_session_set_verify_cert(t->session, NULL, 0);
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_push_function(t->session, push);
	gnutls_transport_set_pull_function(t->session, pull);
	gnutls_handshake_set_timeout(t->session, 0); /* the socket has one */
	do
		rc = gnutls_handshake(t->session);
	while (rc < 0 && !gnutls_error_is_fatal(rc) && rc != GNUTLS_E_AGAIN);
	return rc;
}

struct tls *
tls_open(int fd, const char *ca, struct diag *d)
{
	struct tls *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL) {
		diag_set(d, "out of memory");
		return NULL;
	}
	t->fd = fd;
	rc = setup(t, ca);
	if (rc >= 0)
		return t;
	diag_set(d, "TLS: %s", gnutls_strerror(rc));
	tls_close(t);
	return NULL;
}

void
tls_close(struct tls *t)
{
	if (t == NULL)
		return;
	if (t->session != NULL)
		gnutls_deinit(t->session);
	if (t->creds != NULL)
		gnutls_certificate_free_credentials(t->creds);
	free(t);
}

static ssize_t
failed(ssize_t rc)
{
	errno = rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED ? EAGAIN :
	                                                             EPROTO;
	return -1;
}

/* Less than len only when there is no more for now. */
ssize_t
tls_recv(struct tls *t, void *buf, size_t len, int flags)
{
	size_t got = 0;
	ssize_t n = 0;

	t->flags = flags;
	while (got < len) {
		n = gnutls_record_recv(t->session, (char *)buf + got,
		    len - got);
		if (n <= 0)
			break;
		got += (size_t)n;
		if (!(flags & MSG_DONTWAIT))
			break;
	}
	if (got > 0 || n == 0)
		return (ssize_t)got;
	return failed(n);
}

static size_t
flatten(struct tls *t, const struct msghdr *msg)
{
	size_t len = 0, n;

	for (size_t i = 0; i < msg->msg_iovlen && len < RECORD; i++) {
		n = msg->msg_iov[i].iov_len;
		if (n > RECORD - len)
			n = RECORD - len;
		memcpy(t->record + len, msg->msg_iov[i].iov_base, n);
		len += n;
	}
	return len;
}

/* What is sent in part is the library's; the caller comes with the same again. */
ssize_t
tls_sendmsg(struct tls *t, const struct msghdr *msg, int flags)
{
	ssize_t n;

	t->flags = flags & MSG_DONTWAIT;
	if (t->pending > 0)
		n = gnutls_record_send(t->session, NULL, 0);
	else {
		t->pending = flatten(t, msg);
		n = gnutls_record_send(t->session, t->record, t->pending);
	}
	if (n < 0)
		return failed(n);
	t->pending = 0;
	return n;
}
