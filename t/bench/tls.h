/*
 * tls: the load generator's side of TLS, as cheap as it can be made: input in
 * large pieces, no certificate of its own.  Built without GnuTLS it refuses.
 */
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <sys/socket.h>

#include <stdbool.h>

#include "base/diag.h"

struct tls;

/* Shake hands on a blocking socket; ca signs the server.  NULL with d set. */
struct tls *tls_open(int fd, const char *ca, struct diag *d);
void tls_close(struct tls *t); /* NULL is allowed */

/* As recv(2) and sendmsg(2), with MSG_DONTWAIT or without. */
ssize_t tls_recv(struct tls *t, void *buf, size_t len, int flags);
ssize_t tls_sendmsg(struct tls *t, const struct msghdr *msg, int flags);

#endif
