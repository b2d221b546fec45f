/* file: reading and writing without surprises from links, FIFOs or signals. */
#include "base/file.h"

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define READ_PIECE 16384

void
stamp_of(struct stamp *s, const struct stat *st)
{
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	s->size = (uint64_t)st->st_size;
	s->mtime = clock_number(&st->st_mtim);
	s->ctime = clock_number(&st->st_ctim);
}

bool
stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime == b->mtime && a->ctime == b->ctime;
}

/* O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever. */
int
file_open_regular(int dirfd, const char *name, bool nofollow, struct stat *st,
    struct diag *d)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY |
	    O_NONBLOCK | (nofollow ? O_NOFOLLOW : 0));

	if (fd == -1 && errno == ELOOP && nofollow)
		return diag_set(d, "cannot read %s: it is a symbolic link; "
		    "put the file itself there", name);
	if (fd == -1)
		return diag_errno(d, "cannot read %s", name);
	if (fstat(fd, st) == -1) {
		diag_errno(d, "cannot read %s", name);
	} else if (!S_ISREG(st->st_mode)) {
		errno = S_ISDIR(st->st_mode) ? EISDIR : EINVAL;
		diag_set(d, "cannot read %s: it is not a regular file", name);
	} else {
		return fd;
	}
	file_close(fd);
	return -1;
}

static int
read_all(int fd, struct buf *b)
{
	char piece[READ_PIECE];
	ssize_t n;

	for (;;) {
		n = read(fd, piece, sizeof piece);
		if (n == 0)
			return 0;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 || buf_add(b, piece, (size_t)n) == -1)
			return -1;
	}
}

/* Closes fd. */
static int
append_all(int fd, const char *name, struct buf *b, struct diag *d)
{
	size_t before = b->len;
	int result = read_all(fd, b), saved = errno;

	close(fd);
	if (result == 0)
		return 0;
	b->len = before;
	if (b->data != NULL)
		b->data[before] = '\0';
	errno = saved;
	if (errno == EFBIG)
		return diag_set(d, "cannot read %s: it is larger than %zu "
		    "bytes", name, b->max);
	return diag_errno(d, "cannot read %s", name);
}

int
file_read(int dirfd, const char *name, bool nofollow, struct buf *b,
    struct stat *st, struct diag *d)
{
	struct stat own;
	/* The state before reading: a write that comes in between shows. */
	int fd = file_open_regular(dirfd, name, nofollow, &own, d);

	if (fd == -1)
		return -1;
	if (st != NULL)
		*st = own;
	return append_all(fd, name, b, d);
}

/* Whose the link is, and where it leads, of one and the same link. */
static int
read_link(int dirfd, const char *name, char target[PATH_MAX], uid_t *owner)
{
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0)
		n = readlinkat(fd, "", target, PATH_MAX - 1);
	file_close(fd);
	if (n == -1)
		return -1;
	target[n] = '\0';
	*owner = st.st_uid;
	return 0;
}

static int
open_link(int dirfd, const char *name, struct stat *st, struct diag *d)
{
	char target[PATH_MAX];
	uid_t owner;
	int fd;

	if (read_link(dirfd, name, target, &owner) == -1)
		return diag_errno(d, "cannot read %s", name);
	fd = file_open_regular(dirfd, target, false, st, d);
	if (fd == -1)
		return diag_prefix(d, "%s", name);
	if (owner == 0 || owner == st->st_uid)
		return fd;
	close(fd);
	errno = EPERM;
	return diag_set(d, "cannot read %s: it is a link to a file of somebody "
	    "else; put the file itself there", name);
}

int
file_read_shared(int dirfd, const char *name, struct buf *b,
    struct stat *st, struct diag *d)
{
	struct stat own = { 0 }; /* an analyzer sees no -1 in diag_set() */
	int fd = file_open_regular(dirfd, name, true, &own, d);

	if (fd == -1 && errno == ELOOP)
		fd = open_link(dirfd, name, &own, d);
	if (fd == -1)
		return -1;
	if (st != NULL)
		*st = own;
	return append_all(fd, name, b, d);
}

int
file_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0) {
			errno = EIO;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

void
file_close(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* Some file systems answer EROFS or EACCES for what exists already. */
static int
make_one(const char *path, mode_t mode)
{
	struct stat st;
	int saved;

	if (mkdir(path, mode) == 0)
		return 0;
	saved = errno;
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		saved = ENOTDIR;
	}
	errno = saved;
	return -1;
}

int
file_mkdirs(const char *path, mode_t mode, struct diag *d)
{
	char *copy = strdup(path), *p, next;
	int result = -1, saved;

	if (copy == NULL)
		return diag_errno(d, "cannot create the directory %s", path);
	p = copy;
	do {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		next = *p;
		*p = '\0';
		result = make_one(copy, mode);
		if (result == -1)
			diag_errno(d, "cannot create the directory %s", copy);
		*p = next;
	} while (result == 0 && next != '\0');
	saved = errno;
	free(copy);
	errno = saved;
	return result;
}
