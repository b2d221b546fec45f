/*
 * tool: what the small programs share: exit statuses, one-line errors, and
 * the places that they work on.
 */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include <stdbool.h>

#include "base/diag.h"
#include "spool/places.h"

enum tool_exit {
	TOOL_OK = 0,      /* done, also when there was nothing to do */
	TOOL_FAILED = 1,
	TOOL_USAGE = 2,   /* the command line is wrong; nothing was done */
	TOOL_ABSENT = 3,  /* no such export */
	TOOL_REFUSED = 4, /* the daemon says no */
	TOOL_TIMEOUT = 5  /* the daemon did not answer in time */
};

struct tool {
	const char *program; /* "nbdmux-add"; borrowed */
	struct places places;
	int spoolfd; /* -1: not open */
	const char *who; /* who asked for it; NULL: the user.  Borrowed */
	bool untold;     /* it was said that events cannot be recorded */
};

void tool_init(struct tool *t, const char *program);
void tool_close(struct tool *t);

/* "PROGRAM: text" on stderr, one line whatever bytes are in it. */
void tool_say(const struct tool *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same; returns status. */
int tool_fail(const struct tool *t, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Open the spool.  Without a directory, or without the permission (writing:
 * to change it), d says what would help.  0 or -1.
 */
int tool_open_spool(struct tool *t, bool writing, struct diag *d);

/*
 * What helps when something in the spool could not be written because of
 * errno error: "; run it with sudo", or "" when nothing is known.
 */
void tool_remedy(const struct tool *t, int error, struct diag *d);

/*
 * The last thing a program does: closes standard output.  What could not be
 * written is an error, but for a reader that has gone away.
 */
int tool_finish(const struct tool *t, int status);

/* "5", "0.5", "10s", "2m", "1h": 0 or -1 with d set. */
int tool_seconds(const char *text, double *seconds, struct diag *d);

#endif
