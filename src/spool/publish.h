/*
 * publish: a file appears whole or not at all.  Temporary file in the same
 * directory, fsync, rename, fsync of the directory.  Temporary names begin
 * with '.', so nothing in a spool counts them.
 */
#ifndef SPOOL_PUBLISH_H
#define SPOOL_PUBLISH_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

enum publish_flag {
	PUBLISH_VOLATILE = 1 /* state: rewritten at every start, not synced */
};

/*
 * Write name in the directory, with exactly this mode.  On an error the old
 * file, if any, is there untouched and no temporary file is left: -1 with
 * errno and d set.  Only when the last step fails, the sync of the directory,
 * is the new file there; d says that it may not outlive a crash.
 */
int publish_file(int dirfd, const char *name, const void *data, size_t len,
    mode_t mode, unsigned flags, struct diag *d);

/* Remove a file: 1 removed, 0 was not there, -1 with errno and d set. */
int publish_remove(int dirfd, const char *name, struct diag *d);

/*
 * Remove temporary files that writers who died left behind: older than age
 * seconds.  Failures are ignored.  Returns how many went.
 */
int publish_sweep(int dirfd, unsigned age);

#endif
