/*
 * eventline: one line of the file of events, taken apart.  The lines are our
 * own and flat (see base/events.h): what is not such an object is no event.
 */
#ifndef TOOL_EVENTLINE_H
#define TOOL_EVENTLINE_H

#include <stdbool.h>
#include <stddef.h>

#define EVENTLINE_MEMBERS 32

struct eventline_member {
	const char *key, *value; /* decoded; a literal as it is written */
	bool text;               /* no literal */
};

struct eventline {
	char *memory; /* owned, of all members */
	size_t count;
	struct eventline_member members[EVENTLINE_MEMBERS];
};

/* text has no newline.  False: it is no event, or memory ran out. */
bool eventline_parse(struct eventline *l, const char *text, size_t len);
void eventline_free(struct eventline *l);

/* NULL when there is none, or it is null. */
const char *eventline_get(const struct eventline *l, const char *key);
bool eventline_null(const struct eventline_member *m);

#endif
