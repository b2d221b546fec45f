/*
 * view: the whole spool directory at one moment, sorted by name.  A view is
 * immutable once read.  Reading reuses the entries of an earlier view whose
 * files have not changed, so an edit among 10,000 exports costs a directory
 * listing and a stat each, and one file read.
 */
#ifndef SPOOL_VIEW_H
#define SPOOL_VIEW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/file.h"
#include "spool/name.h"
#include "spool/record.h"

#define VIEW_MAX 65536 /* exports in one spool */

struct view_entry {
	atomic_uint refs; /* views that share it */
	char name[NAME_SIZE];
	struct stamp stamp;   /* of NAME.ini */
	bool racy;            /* changed so recently that an equal stamp proves
	                       * nothing: read again next time */
	bool bad;             /* error says why; record is then cleared */
	struct record record;
	char *error;          /* "NAME.ini:LINE: ...", owned */
};

struct view {
	size_t count;
	struct view_entry **entries; /* sorted by strcmp of the names */
	size_t nkick;
	char (*kick)[NAME_SIZE]; /* NAME.kick files: clients to disconnect */
};

/*
 * Read the directory.  old may be NULL.  A file that vanishes meanwhile is
 * absent; one that cannot be read is a bad entry.  On a failure of the
 * directory itself (-1, d set) there is no view: keep the old one.
 */
int view_read(int dirfd, const struct view *old, struct view **out,
    struct diag *d);
/* A view of one export alone: that of NAME.ini, or of none when it is away. */
int view_read_name(int dirfd, const char *name, struct view **out,
    struct diag *d);
void view_free(struct view *v); /* NULL is allowed */

const struct view_entry *view_find(const struct view *v, const char *name);

#endif
