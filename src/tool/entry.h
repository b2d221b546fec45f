/*
 * entry: one NAME.ini as a tool edits it: what it was, so that it can be put
 * back, and what it is now, so that the daemon's answer to it is known.
 */
#ifndef TOOL_ENTRY_H
#define TOOL_ENTRY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/file.h"
#include "spool/name.h"
#include "spool/record.h"
#include "tool/tool.h"

struct entry {
	const struct tool *tool; /* borrowed, its spool open */
	char file[NAME_FILE_SIZE];
	bool existed;       /* before we came */
	bool is_link;       /* a symbolic link, which is not ours to replace */
	mode_t mode;        /* old permissions */
	struct buf old;     /* old text */
	struct stamp stamp; /* the version that the daemon is to answer */
	bool raced; /* entry_write(): somebody else was quicker, or removed it */
};

/* Read what is there, if anything.  0, or -1 with d set. */
int entry_open(struct entry *e, const struct tool *t, const char *name,
    struct diag *d);
void entry_close(struct entry *e);

/* Whether the old text says the same as a record. */
bool entry_says(const struct entry *e, const struct record *r);

/* Write a record; stamp is the new version. */
int entry_write(struct entry *e, const struct record *r, struct diag *d);

/* Whether what is there now is still the version in stamp. */
bool entry_current(const struct entry *e);

/*
 * Whether somebody else has written the same record meanwhile; their version
 * is then the one to wait for.
 */
bool entry_adopt(struct entry *e, const char *name, const struct record *r);

/*
 * Put back what was there before, unless somebody else has changed it
 * meanwhile: 1 done, 0 it is not ours any more, -1 with d set.
 */
int entry_restore(const struct entry *e, struct diag *d);

#endif
