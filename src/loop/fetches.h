/*
 * fetches: the queue of images that are still to be fetched, and the
 * nbdmux-fetch that does it for each, "fetches" of them at a time.  For the
 * keeper's thread alone.
 */
#ifndef LOOP_FETCHES_H
#define LOOP_FETCHES_H

#include <stdint.h>

#include "base/diag.h"
#include "spool/view.h"

struct fetches;
struct server;

struct fetches *fetches_new(struct server *server, struct diag *d);

/* Ends the children; what they have is kept for the next daemon. */
void fetches_free(struct fetches *f); /* NULL is allowed */

/* The spool as it is now, before the answer to it is published. */
void fetches_look(struct fetches *f, const struct view *v);

/*
 * Readable when a child has ended; the time at which something is due, of
 * CLOCK_MONOTONIC in ms, UINT64_MAX when nothing is.
 */
int fetches_fd(const struct fetches *f);
uint64_t fetches_due(const struct fetches *f);

/* See what has ended, and begin what can begin. */
void fetches_run(struct fetches *f);

#endif
