/*
 * job: one export's image, from the entry that asks for it to the entry that
 * names it.  Whatever interrupts it, the image that was there is served until
 * the new one is complete, verified and on the disk; the next job goes on
 * with what this one has left.
 */
#ifndef FETCH_JOB_H
#define FETCH_JOB_H

#include <signal.h>
#include <stdbool.h>

#include "fetch/catalog.h"
#include "tool/tool.h"

/* Exit statuses are the tools', and: */
enum {
	JOB_REFUSED = TOOL_REFUSED, /* it would be the same the next time */
	JOB_BUSY = TOOL_TIMEOUT     /* another program is at it */
};

enum job_word { JOB_NOTHING, JOB_FETCHED, JOB_UNCHANGED, JOB_FAILED_WORD };

/* The cache's, which is asked for when it is needed first; owned by whoever
 * runs the jobs. */
struct job_catalog {
	bool asked;
	struct catalog *catalog; /* NULL: there is none */
	struct diag error;       /* or "", when that is no error */
};

struct job_options {
	const char *cache;   /* or NULL */
	const char *from;    /* what strangers may fetch; or NULL */
	struct job_catalog *catalog;
	bool refresh;        /* is there something newer? */
	bool quiet;          /* no progress */
	bool silent;         /* no errors: the state has them */
	unsigned tries, stall; /* see fetch/web.h */
	const volatile sig_atomic_t *stop;
};

/* An exit status; errors are said, as far as they are not in the state. */
int job_run(struct tool *t, const char *name, const struct job_options *o,
    enum job_word *word);

#endif
