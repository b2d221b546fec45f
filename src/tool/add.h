/* add: creates or replaces an export, and sees that the daemon serves it. */
#ifndef TOOL_ADD_H
#define TOOL_ADD_H

#include <stdbool.h>

#include "spool/record.h"
#include "tool/tool.h"

struct add {
	const char *name;
	const char *image;    /* as given: a path, maybe relative, or a URL */
	struct record record; /* all but the image, or the source */
	const char *netboot;  /* a bundle with what boots it, or NULL */
	bool raw;             /* do not look at the image's format */
	bool check;           /* say what would be done */
	bool json;
	bool no_wait;         /* for what is to be fetched */
	double timeout;       /* s to wait for the daemon */
	bool looked;          /* the caller has looked at the image */
	bool quiet;           /* print no result: the caller tells of it */
	struct diag *why;     /* what went wrong, or NULL; "": nothing */
	bool raced;           /* set: because of somebody else who wrote, too */
};

#define ADD_TIMEOUT 5

/* An exit status.  a's record gets the image; the caller clears it. */
int add_run(struct tool *t, struct add *a);

#endif
