/*
 * listen: the listening sockets.  They are opened before privileges are
 * dropped and watched by the first loop.
 */
#ifndef LOOP_LISTEN_H
#define LOOP_LISTEN_H

#include "base/buf.h"
#include "base/diag.h"
#include "loop/passed.h"
#include "loop/sock.h"

struct listeners;
struct server;

/*
 * Open all addresses of the list, and take those sockets that were passed
 * and that it names; the others are closed with a warning.  A wildcard of an
 * address family that this machine has not got is left out; at least one
 * socket must be there.  NULL with d set.
 */
struct listeners *listeners_open(const char *list, struct passed *passed,
    const struct sock_access *access, struct diag *d);
void listeners_free(struct listeners *l); /* and removes the files it made */

/* The addresses really bound, ", " between, as daemon.ini has them. */
int listeners_text(const struct listeners *l, struct buf *b);

/* On the first loop's thread: */
void listeners_start(struct listeners *l, struct server *server);
void listeners_stop(struct listeners *l); /* closes them */

/* Any thread: a descriptor is free again. */
void listeners_wake(struct listeners *l);

#endif
