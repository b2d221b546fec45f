/*
 * keeper: the thread that keeps the registry and the state files true to the
 * spool.  Everything that may block on a file system happens here, so no loop
 * does: the watch, reading the directory, opening images, writing state.
 */
#ifndef LOOP_KEEPER_H
#define LOOP_KEEPER_H

#include <stdbool.h>

#include "base/diag.h"

struct keeper;
struct server;

struct keeper *keeper_new(struct server *server, struct diag *d);
void keeper_free(struct keeper *k); /* stopped; NULL is allowed */

/* The first look at the spool, on the caller's thread; then the thread. */
void keeper_look(struct keeper *k);
int keeper_start(struct keeper *k, struct diag *d);
/* false when it is still stuck in a file system after some seconds. */
bool keeper_stop(struct keeper *k, unsigned seconds);

/* Any thread: look again; read the configuration and look again. */
void keeper_poke(struct keeper *k);
void keeper_reload(struct keeper *k);

#endif
