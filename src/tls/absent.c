/* absent: the layer's functions in a program that was built without GnuTLS. */
#include <errno.h>
#include <stdlib.h>

#include "tls/channel.h"

int
tls_available(struct diag *d)
{
	return diag_set(d, "this nbdmuxd was built without GnuTLS; leave the "
	    "keys of tls out, or build it where pkg-config finds gnutls");
}

struct tls_creds *
tls_creds_load(const struct tls_options *o, struct diag *d)
{
	(void)o;
	tls_available(d);
	return NULL;
}

struct tls_creds *
tls_creds_ref(struct tls_creds *c)
{
	return c;
}

void
tls_creds_unref(struct tls_creds *c)
{
	(void)c;
}

/* No channel can be made, so nobody calls what follows it. */
struct tls_channel *
tls_channel_new(struct tls_creds *creds, struct pool *pool)
{
	(void)creds;
	(void)pool;
	return NULL;
}

void
tls_channel_free(struct tls_channel *t)
{
	(void)t;
}

size_t
tls_channel_space(struct tls_channel *t, void **place)
{
	(void)t;
	(void)place;
	return 0;
}

void
tls_channel_filled(struct tls_channel *t, size_t n)
{
	(void)t;
	(void)n;
}

void
tls_channel_ended(struct tls_channel *t)
{
	(void)t;
}

size_t
tls_channel_output(const struct tls_channel *t, const void **data)
{
	(void)t;
	(void)data;
	return 0;
}

void
tls_channel_sent(struct tls_channel *t, size_t n)
{
	(void)t;
	(void)n;
}

enum tls_step
tls_channel_handshake(struct tls_channel *t)
{
	(void)t;
	return TLS_FAILED;
}

ssize_t
tls_channel_read(struct tls_channel *t, void *buf, size_t len)
{
	(void)t;
	(void)buf;
	(void)len;
	errno = EPROTO;
	return -1;
}

bool
tls_channel_ready(const struct tls_channel *t)
{
	(void)t;
	return false;
}

ssize_t
tls_channel_write(struct tls_channel *t, const struct iovec *iov, size_t count)
{
	(void)t;
	(void)iov;
	(void)count;
	errno = EPROTO;
	return -1;
}

void
tls_channel_bye(struct tls_channel *t)
{
	(void)t;
}

const char *
tls_channel_error(const struct tls_channel *t)
{
	(void)t;
	return "built without GnuTLS";
}

const char *
tls_channel_version(const struct tls_channel *t)
{
	(void)t;
	return "none";
}

struct proof *
tls_channel_proof(const struct tls_channel *t)
{
	(void)t;
	return NULL;
}
