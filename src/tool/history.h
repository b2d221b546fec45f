/* history: prints events, as JSON or for people, and those that come. */
#ifndef TOOL_HISTORY_H
#define TOOL_HISTORY_H

#include <stdbool.h>

#include "tool/eventlog.h"
#include "tool/tool.h"

#define HISTORY_LIMIT 100  /* without --since */
#define HISTORY_FOLLOWED 10 /* with -f */

struct history {
	struct eventlog_query query;
	bool json, follow;
};

int history_run(struct tool *t, const struct history *h); /* an exit status */

#endif
