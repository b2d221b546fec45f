/* uri: where an export is found, as an NBD URI (the protocol's uri.md). */
#ifndef TOOL_URI_H
#define TOOL_URI_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * Append the URI of an export on one listen address ("[::]:10809",
 * "unix:/run/nbd.sock").  host stands for wildcard addresses.  secure: clients
 * must encrypt, which they see by "nbds".  0, or -1 when the address cannot be
 * read or memory ran out.
 */
int uri_format(struct buf *b, const char *listen, const char *host,
    const char *name, bool secure);

/*
 * The one of a list of listen addresses that most clients can use: this
 * machine's name for a wildcard, else an address, else a loopback address,
 * else a unix socket, else a vsock address.  Appended to b; 0 or -1: there is none.
 */
int uri_best(struct buf *b, const char *listen, const char *name, bool secure);
/* The same, where we are known as host. */
int uri_best_at(struct buf *b, const char *listen, const char *host,
    const char *name, bool secure);

/*
 * What attaches it with nbd-client(8), as root types it.  -1 where nbd-client
 * cannot go: vsock, abstract unix sockets, a path that a shell would change.
 */
int uri_nbd_client(struct buf *b, const char *listen, const char *host,
    const char *name, bool secure);

#endif
