/*
 * client: a connection to an NBD server up to the transmission phase, plain
 * and blocking; the load comes after it.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "t/bench/tls.h"

#define CLIENT_TIMEOUT 10 /* s that the handshake may stand still */

struct target {
	struct sockaddr_storage addr;
	socklen_t len;
	bool tcp; /* else a unix socket */
	const char *ca; /* TLS with a server that this one has signed, or NULL */
};

struct client {
	int fd; /* -1: closed */
	struct tls *tls; /* NULL: in clear */
	uint16_t handshake;
	uint16_t flags; /* of the export */
	uint64_t size;
};

/* HOST:PORT, [IPv6]:PORT or the path of a socket.  0, or -1 with d set. */
int target_parse(struct target *t, const char *text, struct diag *d);

/* Connect and exchange flags.  0, or -1 with d set. */
int client_open(struct client *c, const struct target *t, struct diag *d);

/* As recv(2) and sendmsg(2), in clear or not. */
ssize_t client_recv(struct client *c, void *buf, size_t len, int flags);
ssize_t client_sendmsg(struct client *c, const struct msghdr *msg, int flags);

/*
 * NBD_OPT_GO, or NBD_OPT_EXPORT_NAME where the server has no GO.  0; 1 when
 * the server does not know that export; -1 with d set.
 */
int client_go(struct client *c, const char *export, struct diag *d);

/* NBD_OPT_STRUCTURED_REPLY, before client_go().  0, or -1 with d set: also
 * where the server has none. */
int client_structured(struct client *c, struct diag *d);

/* NBD_OPT_LIST: how many exports there are, or -1 with d set. */
int64_t client_list(struct client *c, struct diag *d);

void client_close(struct client *c);

#endif
