/* given: export names from the command line and from standard input. */
#ifndef TOOL_GIVEN_H
#define TOOL_GIVEN_H

#include <stddef.h>

#include "base/diag.h"
#include "spool/name.h"

struct given {
	size_t count;
	char (*list)[NAME_SIZE]; /* owned; no name is there twice */
};

/*
 * Take args, where "-" stands for the lines of standard input.  -1 with d
 * set when one is not a name.  Free it in either case.
 */
int given_take(struct given *n, char **args, size_t count,
    struct diag *d);
void given_drop(struct given *n);

#endif
