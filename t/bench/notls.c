/* tls: what stands there in a build without GnuTLS. */
#include <errno.h>
#include <stddef.h>

#include "t/bench/tls.h"

struct tls *
tls_open(int fd, const char *ca, struct diag *d)
{
	(void)fd;
	(void)ca;
	diag_set(d, "nbdload was built without GnuTLS");
	return NULL;
}

void
tls_close(struct tls *t)
{
	(void)t;
}

ssize_t
tls_recv(struct tls *t, void *buf, size_t len, int flags)
{
	(void)t;
	(void)buf;
	(void)len;
	(void)flags;
	errno = EPROTO;
	return -1;
}

ssize_t
tls_sendmsg(struct tls *t, const struct msghdr *msg, int flags)
{
	(void)t;
	(void)msg;
	(void)flags;
	errno = EPROTO;
	return -1;
}
