/* runfetch: nbdmux-fetch as a child, on the places that we work on. */
#ifndef TOOL_RUNFETCH_H
#define TOOL_RUNFETCH_H

#include <signal.h>

#include "tool/tool.h"

#define RUNFETCH_MORE 4

/*
 * Its exit status, or -1 with d set: it could not be run, or was killed.  more
 * are options of it, ended by NULL, at most RUNFETCH_MORE; mask is what its
 * signals are, or NULL: ours.  What it says goes to our standard error or, when
 * said is not NULL, there: its first line, without its name.
 */
int runfetch(const struct tool *t, const char *const *more, const char *name,
    const sigset_t *mask, struct diag *said, struct diag *d);

#endif
