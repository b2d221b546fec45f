/*
 * eventlog: the file of events and those that it was rotated to, read from
 * their end.  Rotated are files of the same directory with a number or a date
 * behind the name (events.jsonl.1, events.jsonl-20261122), uncompressed.
 */
#ifndef TOOL_EVENTLOG_H
#define TOOL_EVENTLOG_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/events.h"
#include "tool/eventline.h"

#define EVENTLOG_MAX 1000000 /* events in one answer */

/* What is wanted; all of it must be true of an event. */
struct eventlog_query {
	char since[EVENTS_TIME_SIZE];   /* not before that, as events_time()
	                                 * writes it; "": from ever */
	char *const *exports;           /* patterns as of fnmatch(3), one of */
	size_t nexports;                /* them; none: any or no export */
	char *const *events;            /* the same of the event's name */
	size_t nevents;
	size_t limit;                   /* the newest, at most EVENTLOG_MAX */
};

struct eventlog {
	size_t count, room;
	char **lines; /* newest first, without newlines */
	int fd;       /* the file of now, or -1: there is none yet */
	off_t at;     /* up to there it was read: the beginning of a line */
};

/* Lines that are no events are skipped.  0, or -1 with d set; free it. */
int eventlog_read(struct eventlog *l, const char *dir,
    const struct eventlog_query *q, struct diag *d);
void eventlog_free(struct eventlog *l);

/* Is it wanted?  e is what the line says, to be freed if so. */
bool eventlog_wants(const struct eventlog_query *q, const char *line,
    size_t len, struct eventline *e);

#endif
