/* file: whole small files, and descriptors. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/diag.h"

/*
 * Which version of a file this is: it changes when the file is replaced,
 * written or has its links or permissions changed.  Times in ns since the
 * epoch.
 */
struct stamp {
	uint64_t dev, ino, size, mtime, ctime;
};

void stamp_of(struct stamp *s, const struct stat *st);
bool stamp_equal(const struct stamp *a, const struct stamp *b);

/*
 * Open a regular file for reading.  Never blocks on a FIFO and follows no link
 * when nofollow.  The descriptor, with st set, or -1 with errno and d set.
 */
int file_open_regular(int dirfd, const char *name, bool nofollow,
    struct stat *st, struct diag *d);

/*
 * Append a regular file's content to b (whose max is the cap), opened as by
 * file_open_regular().  st may be NULL; it describes the file that was read.  0,
 * or -1 with errno and d set.
 */
int file_read(int dirfd, const char *name, bool nofollow, struct buf *b,
    struct stat *st, struct diag *d);

/*
 * The same in a directory that several users write in.  A link is followed when
 * it is root's, or of who owns the file that it leads to: others must not have
 * us read, and quote, what they may not read themselves.
 */
int file_read_shared(int dirfd, const char *name, struct buf *b,
    struct stat *st, struct diag *d);

/* All of it, past EINTR and short writes; -1 with errno. */
int file_write_all(int fd, const void *data, size_t len);

/* close(2) on the way out of an error: errno stays as it was. */
void file_close(int fd);

/* mkdir -p: every missing component, with mode.  0, or -1 with d set. */
int file_mkdirs(const char *path, mode_t mode, struct diag *d);

#endif
