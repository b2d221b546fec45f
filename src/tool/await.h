/*
 * await: waits until it is worth looking at the state again.  inotify says
 * when; because it is only a hint (and may be out of watches, or the state
 * directory be made anew), a look is also due every tenth of a second.
 */
#ifndef TOOL_AWAIT_H
#define TOOL_AWAIT_H

#include "tool/signals.h"
#include "tool/tool.h"

enum await_verdict {
	AWAIT_LOOK,    /* something may have changed */
	AWAIT_TIMEOUT, /* the time is over */
	AWAIT_SIGNAL   /* the user has had enough; see signals.caught */
};

struct await {
	struct signals signals;
	int inotify; /* -1: none */
	double deadline; /* of CLOCK_MONOTONIC in s; negative: none */
	char exports[4096]; /* the directory that is watched */
};

/* Holds signals from now on.  Watches before it returns: look afterwards. */
void await_begin(struct await *w, const struct tool *t);

/* Give up so many seconds from now; negative: never. */
void await_limit(struct await *w, double seconds);

enum await_verdict await_next(struct await *w);

/* Lets signals through: one that was caught ends the program now. */
void await_end(struct await *w);

#endif
