/* run: nbdmux-fetch as a whole: the exports that are meant, one by one. */
#ifndef FETCH_RUN_H
#define FETCH_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "tool/tool.h"

struct run {
	char **names; /* none: all that have a source */
	size_t count;
	bool refresh, quiet;
	bool job;     /* the daemon's child: for one name, and silent */
	unsigned tries, stall;
	const char *netboot; /* publish this bundle, for one name; or NULL */
	bool check;          /* of it: say what would be done */
};

int run_fetches(struct tool *t, const struct run *r); /* an exit status */

#endif
