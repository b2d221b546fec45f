/* report: how far it has come: the state file, the terminal. */
#ifndef FETCH_REPORT_H
#define FETCH_REPORT_H

#include "base/file.h"
#include "spool/fetch.h"
#include "spool/record.h"
#include "spool/state.h"
#include "tool/progress.h"
#include "tool/tool.h"

struct report {
	const struct tool *tool; /* borrowed; its spool is open */
	const char *name;        /* borrowed */
	const struct record *record; /* borrowed: what is fetched for it */
	int fetchfd;             /* -1: no state is written */
	struct fetch state;      /* strings are borrowed */
	struct progress progress;
	uint64_t written;        /* ns: when */
	char error[DIAG_MAX];
};

/* The version of the entry, and what is known of an earlier try. */
void report_begin(struct report *r, const struct stamp *stamp, bool refresh);

/* At most twice a second; at once when the status is another. */
void report_tick(struct report *r, enum status status, uint64_t done,
    uint64_t total);

/* The last word; error may be NULL. */
void report_end(struct report *r, enum status status, const char *error);

#endif
