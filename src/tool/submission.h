/*
 * submission: an entry on its way into the spool, and what the daemon answers
 * to it.
 */
#ifndef TOOL_SUBMISSION_H
#define TOOL_SUBMISSION_H

#include "spool/record.h"
#include "spool/state.h"
#include "tool/await.h"
#include "tool/entry.h"
#include "tool/server.h"
#include "tool/tool.h"

enum answer {
	ANSWER_NONE,    /* not yet */
	ANSWER_READY,   /* exactly this is served */
	ANSWER_QUEUED,  /* it has no image yet, which is to be fetched */
	ANSWER_REFUSED, /* the reason is in state.error */
	ANSWER_OTHER,   /* somebody else's change came in between */
	ANSWER_DOWN,    /* no daemon runs */
	ANSWER_LATE,    /* not in time */
	ANSWER_SIGNAL   /* the user has had enough */
};

struct submission {
	struct tool *tool;           /* borrowed */
	const char *name;            /* borrowed */
	const struct record *record; /* borrowed */
	struct entry entry;          /* opened by the caller */
	struct await await;          /* begun by the caller */
	struct server server;        /* as last seen */
	struct state_export state;   /* as last read */
};

/* The rest is the caller's to set. */
void submission_init(struct submission *s, struct tool *t, const char *name);

/* What it says at this moment. */
enum answer submission_ask(struct submission *s);

/* Until it has said something, or the await's limit. */
enum answer submission_hear(struct submission *s);

void submission_close(struct submission *s);

#endif
