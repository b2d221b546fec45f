/*
 * refusals: tells the administrator who was refused and why, at a bounded
 * rate: of each kind so many lines a minute, then one that says how many more
 * there were.  What goes over the rate is logged at the level debug.  So it is
 * with those who come in, for they can come and go without end.
 */
#ifndef LOOP_REFUSALS_H
#define LOOP_REFUSALS_H

#include <stddef.h>

#include "base/diag.h"
#include "export/allow.h"

#define REFUSALS_PER_MINUTE 20 /* lines of each kind */
#define REFUSALS_ENTRIES 600   /* the same, of clients that were let in */
#define REFUSALS_ADDRESSES 64  /* remembered; the others share lines */

enum refused {
	REFUSED_HANDSHAKE, /* what it sent was no handshake, or too long one */
	REFUSED_TLS,       /* no TLS, wrong TLS or nobody we know */
	REFUSED_EXPORT,    /* it may not have that export */
	REFUSED_LIMIT,     /* it is one too many */
	REFUSED_ADDRESS,   /* no export is for it */
	REFUSED_NOT,       /* it was let in */
	REFUSED_KINDS
};

struct loop;
struct refusals;

struct refusals *refusals_new(struct diag *d);
void refusals_free(struct refusals *r); /* NULL is allowed */

/*
 * Any thread: a line, or one more of those that are counted.  name is len
 * bytes from the network, NULL when there is none; reason in plain words.
 */
void refusals_log(struct refusals *r, enum refused kind, const struct peer *p,
    const char *name, size_t len, const char *reason);

/* Any thread: may a client that was let in have its lines? */
bool refusals_entry(struct refusals *r);

/* The first loop's thread: */

/* Who was disconnected because no export is for it: a line a minute for each
 * address. */
void refusals_address(struct refusals *r, const struct peer *p);

/* Tell the end of a flood when it is over; the rest, at the end. */
void refusals_start(struct refusals *r, struct loop *l);
void refusals_stop(struct refusals *r);

#endif
