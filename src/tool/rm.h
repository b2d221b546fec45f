/* rm: removes exports and sees their clients go. */
#ifndef TOOL_RM_H
#define TOOL_RM_H

#include <stdbool.h>
#include <stddef.h>

#include "tool/tool.h"

struct rm {
	char **names; /* "-": more of them on standard input */
	size_t count;
	bool kick;    /* disconnect the clients */
	bool wait;    /* until the last client has gone */
	bool strict;  /* absent is an error */
	bool check;   /* say what would be done */
	bool json;
	double timeout; /* s; negative: not given */
	bool quiet;   /* print no result: the caller tells of it */
	struct diag *why; /* what went wrong with the last name, or NULL */
};

#define RM_TIMEOUT 5

/* An exit status: the worst of all names'. */
int rm_run(struct tool *t, const struct rm *rm);

#endif
