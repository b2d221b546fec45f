/*
 * listen: the listening sockets.  They are opened before privileges are
 * dropped and watched by the first loop.
 */
#ifndef LOOP_LISTEN_H
#define LOOP_LISTEN_H

#include "base/buf.h"
#include "base/diag.h"
#include "spool/config.h"

struct listeners;
struct server;

/*
 * Open all addresses of the list.  A wildcard of an address family that this
 * machine has not got is left out; at least one socket must be there.  A
 * stale unix socket is replaced, one that answers is not.  NULL with d set.
 */
struct listeners *listeners_open(const char *list, struct diag *d);
void listeners_free(struct listeners *l); /* and removes unix sockets */

/* The addresses really bound, ", " between, as daemon.ini has them. */
int listeners_text(const struct listeners *l, struct buf *b);

/* On the first loop's thread: */
void listeners_start(struct listeners *l, struct server *server);
void listeners_stop(struct listeners *l); /* closes them */

/* Any thread: a descriptor is free again. */
void listeners_wake(struct listeners *l);

#endif
