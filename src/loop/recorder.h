/*
 * recorder: writes events to their file in a thread of its own, since a disk
 * may block and a loop must not.  What it cannot keep up with, or cannot write,
 * is counted, and the next line that is written says how many were lost.
 */
#ifndef LOOP_RECORDER_H
#define LOOP_RECORDER_H

#include <stdbool.h>

#include "base/diag.h"
#include "base/events.h"

#define RECORDER_BYTES (16u << 20) /* of lines that wait */

struct recorder;

struct recorder *recorder_new(const char *dir, struct diag *d);
void recorder_free(struct recorder *r); /* NULL is allowed */

/* Before that, events only wait.  -1 with d set. */
int recorder_start(struct recorder *r, struct diag *d);

/* Write what waits, and end: false when that takes longer than so long. */
bool recorder_stop(struct recorder *r, unsigned seconds);

/*
 * Any thread, never waits for a disk: the end of an event that event_begin()
 * began; and one that was left out to keep to a rate.
 */
void recorder_put(struct recorder *r, struct event *e);
void recorder_skip(struct recorder *r);

#endif
