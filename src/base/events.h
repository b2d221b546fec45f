/*
 * events: what happened, one JSON object per line of a file that everybody
 * appends to: the daemon, the tools, the CGI program.  A line is one write(2)
 * to a file opened with O_APPEND, so lines of several writers do not mix.  The
 * objects are flat: no arrays and no objects in them.
 */
#ifndef BASE_EVENTS_H
#define BASE_EVENTS_H

#include <limits.h>
#include <stddef.h>
#include <stdio.h>

#include "base/diag.h"
#include "base/json.h"

#define EVENTS_FILE "events.jsonl"
#define EVENTS_LINE_MAX 65536 /* bytes in one, with its newline */
#define EVENTS_TIME_SIZE 32   /* "2026-11-22T03:04:05.678Z" and a NUL */

/*
 * An event under construction:
 *	event_begin(&e, "export-added", "nbdmux-add", who, name);
 *	json_string(&e.json, "image", image);
 *	line = event_end(&e, &len);
 * Memory that ran out is told at the end.  Not thread-safe, but events are
 * apart from each other.
 */
struct event {
	struct json json; /* for members that belong to it */
	char *text;
	size_t size;
};

/* who and export may be NULL; what they are is up to the event. */
void event_begin(struct event *e, const char *name, const char *program,
    const char *who, const char *export);

/* The line, to be freed; NULL with errno set: no memory, or too long. */
char *event_end(struct event *e, size_t *len);

/* Time in ms precision, UTC; ns since the epoch.  Sorts as text. */
char *events_time(char dst[EVENTS_TIME_SIZE], unsigned long long ns);

/* The file of a data directory, opened when it is needed. */
struct events {
	char dir[PATH_MAX];
	int fd; /* -1: not open */
};

void events_init(struct events *f, const char *dir);
void events_close(struct events *f);

/* Open it now, to know beforehand whether it can be: 0, or -1 like below. */
int events_open(struct events *f, struct diag *d);

/*
 * Append a line.  A file that was renamed or removed meanwhile is let go and
 * the new one is made, and so is the directory.  What a full disk cut off ends
 * there: the next line begins on a line of its own.  0, or -1 with errno and d
 * set.  May block as a disk does.
 */
int events_write(struct events *f, const char *line, size_t len,
    struct diag *d);

#endif
