/* ls: what is listed, once or again and again. */
#ifndef TOOL_LS_H
#define TOOL_LS_H

#include <stdbool.h>
#include <stddef.h>

#include "tool/tool.h"

struct ls {
	char **names; /* only these; none: all */
	size_t count;
	bool details;     /* of the exports */
	bool connections; /* alone, or below the details */
	bool json, just_names, metrics;
	bool watch;
	double interval; /* s between two looks; negative: not given */
};

#define LS_INTERVAL 1   /* of -w */
#define LS_SAMPLE 0.2   /* in which the rates of one table are measured */

int ls_run(struct tool *t, const struct ls *ls); /* an exit status */

#endif
