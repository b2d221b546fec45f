/* names: the export names that a directory's files stand for, sorted. */
#ifndef SPOOL_NAMES_H
#define SPOOL_NAMES_H

#include <stddef.h>

#include "base/diag.h"
#include "spool/name.h"

#define NAMES_MAX 65536 /* in one directory */

struct names {
	size_t count, room;
	char (*names)[NAME_SIZE]; /* owned */
};

/* Files with this suffix go to this list, which is empty at first. */
struct names_wanted {
	const char *suffix;
	struct names *to;
};

/*
 * Read the directory once and sort the lists; no name is there twice.  -1
 * with errno and d set, also when there are too many, or when the directory
 * was removed: then it would only look empty.  Free the lists in either case.
 */
int names_read(int dirfd, const struct names_wanted *wanted, size_t count,
    struct diag *d);
void names_free(struct names *n);

/* The directory still has a name: 0, or -1 with errno and d set. */
int names_exists(int dirfd, struct diag *d);

#endif
