/*
 * listing: everything there is to know about the exports at one moment, from
 * the spool, the daemon's state and its counters.
 */
#ifndef TOOL_LISTING_H
#define TOOL_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "spool/fetch.h"
#include "spool/name.h"
#include "spool/state.h"
#include "spool/stats.h"
#include "spool/view.h"
#include "tool/server.h"
#include "tool/tool.h"

struct listing_row {
	char name[NAME_SIZE];
	bool answered; /* the daemon has a state; else state is what the spool
	                * says, as far as that is known */
	struct state_export state;
	struct fetch fetch; /* of its source, when there is one */
	bool fetching;      /* there is, and fetch is about it */
	const struct view_entry *entry; /* borrowed; NULL: not in the spool */
	size_t clients;
	const struct stats_conn_row *conns; /* borrowed: its clients */
	struct stats_totals totals;
	double read_rate, write_rate; /* bytes/s; negative: not known */
	bool hidden; /* not asked for */
};

struct listing {
	struct server server;
	struct view *view;      /* NULL: the spool could not be read */
	struct diag view_error; /* why */
	bool counted;           /* there are counters */
	struct stats_snapshot stats;
	size_t count;
	struct listing_row *rows; /* sorted by name */
};

/* What is kept from one listing to the next. */
struct listing_source {
	struct tool *tool;   /* borrowed */
	struct stats *stats; /* NULL: not open */
};

void listing_begin(struct listing_source *s, struct tool *t);
void listing_end(struct listing_source *s);

/*
 * NULL with d set when nothing can be said.  before (may be NULL) makes it
 * cheaper and gives the rates since then.
 */
struct listing *listing_take(struct listing_source *s,
    const struct listing *before, struct diag *d);

/* The same with one row at most: no other export's files are read. */
struct listing *listing_take_one(struct listing_source *s, const char *name,
    struct diag *d);
void listing_free(struct listing *l); /* NULL is allowed */

struct listing_row *listing_find(const struct listing *l, const char *name);

/* The name nearest to one that is not there, or NULL. */
const char *listing_nearest(const struct listing *l, const char *name);

/* Clients must encrypt: the daemon, or the export, wants that. */
bool listing_secure(const struct listing *l, const struct listing_row *r);

/*
 * How the export is: while a new source is fetched, that; a newer version of
 * the same is fetched behind the back of one that is "ready".
 */
/* "ready", ..., or "unserved": in the spool, but no daemon answers for it. */
const char *listing_status(const struct listing_row *r);

/*
 * The generations that clients use, newest first, without the current one:
 * fills list with at most max; returns how many there are.
 */
size_t listing_old(const struct listing_row *r, uint64_t *list, size_t max);

/* Of all commands. */
uint64_t listing_requests(const struct stats_totals *t);

#endif
