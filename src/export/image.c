/*
 * image: the way from an export's path to a file, under the policy of
 * image-dirs, and what the file must be.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "export/image.h"

#define RACE_RETRIES 16

/* What an image must be; enough to tell a FIFO without opening it. */
#define LOOK (O_PATH | O_CLOEXEC)
/* A FIFO or a tape that came meanwhile must neither block nor take over. */
#define OPEN (O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* The next component of a path, past slashes and "."; len 0 at the end. */
static const char *
component(const char *p, size_t *len)
{
	for (;;) {
		p += strspn(p, "/");
		*len = strcspn(p, "/");
		if (*len != 1 || *p != '.')
			return p;
		p++;
	}
}

/*
 * What of path is beneath dir (len bytes), by their words alone; NULL when
 * it is not.  The kernel judges what the rest of the path leads to.
 */
static const char *
beneath(const char *path, const char *dir, size_t len)
{
	char copy[PATH_MAX];
	const char *d;
	size_t dn, pn;

	if (len >= sizeof copy)
		return NULL;
	memcpy(copy, dir, len);
	copy[len] = '\0';
	for (d = component(copy, &dn); dn > 0; d = component(d + dn, &dn)) {
		path = component(path, &pn);
		if (pn != dn || memcmp(path, d, dn) != 0)
			return NULL;
		path += pn;
	}
	path = component(path, &pn);
	return pn == 0 ? "." : path;
}

static int
open_beneath(int dirfd, const char *rest, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd, tries = RACE_RETRIES;

	/* EAGAIN: a rename elsewhere made the kernel unsure about a "..". */
	do {
		fd = (int)syscall(SYS_openat2, dirfd, rest, &how, sizeof how);
	} while (fd == -1 && (errno == EINTR || errno == EAGAIN) && tries-- > 0);
	return fd;
}

static int
why_not(const char *path, const char *dir, int len, struct diag *d)
{
	switch (errno) {
	case EXDEV:
		return diag_set(d, "cannot serve \"%s\": leads out of %.*s; a "
		    "link there must be relative and stay beneath it", path,
		    len, dir);
	case ENOSYS:
		return diag_set(d, "cannot serve \"%s\": image-dirs needs a "
		    "kernel with openat2, Linux 5.6 or newer", path);
	case ELOOP:
		return diag_set(d, "cannot serve \"%s\": too many links, or "
		    "one that only the kernel may follow", path);
	default:
		return diag_errno(d, "cannot serve \"%s\"", path);
	}
}

static int
open_in_dir(const char *path, const char *rest, const char *dir, size_t len,
    int flags, struct diag *d)
{
	char name[PATH_MAX];
	int dirfd, fd, error;

	memcpy(name, dir, len); /* fits: beneath() has seen it */
	name[len] = '\0';
	dirfd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return diag_errno(d, "cannot serve \"%s\": the directory %s "
		    "of image-dirs", path, name);
	fd = open_beneath(dirfd, rest, flags);
	error = errno;
	close(dirfd);
	errno = error;
	if (fd == -1)
		why_not(path, dir, (int)len, d);
	return fd;
}

/* Each directory of the list that the path begins with, until one has it. */
static int
open_in_dirs(const char *path, const char *dirs, int flags, struct diag *d)
{
	const char *cursor = dirs, *dir, *rest;
	bool tried = false;
	size_t len;
	int fd;

	while ((dir = text_item(&cursor, &len)) != NULL) {
		rest = beneath(path, dir, len);
		if (rest == NULL)
			continue;
		tried = true;
		fd = open_in_dir(path, rest, dir, len, flags, d);
		if (fd != -1)
			return fd;
	}
	if (!tried) {
		errno = EXDEV;
		diag_set(d, "cannot serve \"%s\": it is not beneath "
		    "image-dirs (%s)", path, dirs);
	}
	return -1;
}

static int
open_path(const char *path, const char *dirs, int flags, struct diag *d)
{
	int fd;

	if (path[0] != '/') {
		errno = EINVAL;
		return diag_set(d, "cannot serve \"%s\": an image is named by "
		    "an absolute path", path);
	}
	if (dirs != NULL)
		return open_in_dirs(path, dirs, flags, d);
	fd = open(path, flags);
	if (fd == -1)
		diag_errno(d, "cannot serve \"%s\"", path);
	return fd;
}

static const char *
kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
		return "a character device";
	default:
		return "no file";
	}
}

static int
check_kind(const char *path, const struct stat *st, struct diag *d)
{
	if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
		return 0;
	errno = EINVAL;
	return diag_set(d, "cannot serve \"%s\": it is %s; an image is a "
	    "regular file or a block device", path, kind(st->st_mode));
}

/* The identity of what fd is; of a device it must be open for reading. */
static int
identify(const char *path, int fd, const struct stat *st, struct image_id *id,
    struct diag *d)
{
	id->dev = st->st_dev;
	id->ino = st->st_ino;
	id->rdev = 0;
	id->size = (uint64_t)st->st_size;
	if (S_ISBLK(st->st_mode)) {
		id->rdev = st->st_rdev;
		if (ioctl(fd, BLKGETSIZE64, &id->size) == -1)
			return diag_errno(d, "cannot serve \"%s\": the "
			    "device does not tell its size", path);
	}
	if (id->size != 0)
		return 0;
	errno = EINVAL;
	return diag_set(d, "cannot serve \"%s\": it is empty", path);
}

/* Is it an image at all?  Asked before anything is opened for I/O. */
static int
look(const char *path, const char *dirs, struct stat *st, struct diag *d)
{
	int fd, rc;

	/* Without a policy stat() finds the same, in one call. */
	if (dirs == NULL && path[0] == '/') {
		if (stat(path, st) == -1)
			return diag_errno(d, "cannot serve \"%s\"", path);
		return check_kind(path, st, d);
	}
	fd = open_path(path, dirs, LOOK, d);
	if (fd == -1)
		return -1;
	rc = fstat(fd, st);
	if (rc == -1)
		diag_errno(d, "cannot serve \"%s\"", path);
	close(fd);
	return rc == -1 ? -1 : check_kind(path, st, d);
}

static void
explain_permission(bool writable, struct diag *d)
{
	char buf[1024], words[DIAG_MAX];
	struct passwd pw, *found = NULL;
	const char *user;
	int error = errno;

	if (d == NULL)
		return;
	strcpy(words, d->text);
	user = getpwuid_r(geteuid(), &pw, buf, sizeof buf, &found) == 0 &&
	    found != NULL ? pw.pw_name : NULL;
	if (user != NULL)
		diag_set(d, "%s; the daemon runs as user %s, which must be "
		    "able to %s it", words, user, writable ? "write" : "read");
	else
		diag_set(d, "%s; the daemon runs as user id %lu, which must be "
		    "able to %s it", words, (unsigned long)geteuid(),
		    writable ? "write" : "read");
	errno = error;
}

static int
open_checked(const char *path, bool writable, const char *dirs,
    struct stat *st, struct diag *d)
{
	int fd, error;

	if (look(path, dirs, st, d) == -1) {
		if (errno == EACCES)
			explain_permission(writable, d);
		return -1;
	}
	fd = open_path(path, dirs, OPEN | (writable ? O_RDWR : O_RDONLY), d);
	if (fd == -1) {
		if (errno == EACCES)
			explain_permission(writable, d);
		else if (errno == EROFS && d != NULL)
			diag_set(d, "cannot serve \"%s\": it is on a read-only "
			    "file system; mode = ro would do", path);
		return -1;
	}
	if (fstat(fd, st) == -1)
		diag_errno(d, "cannot serve \"%s\"", path);
	else if (check_kind(path, st, d) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int
image_open(const char *path, bool writable, const char *dirs,
    struct image_id *id, struct diag *d)
{
	struct stat st;
	int fd, error;

	fd = open_checked(path, writable, dirs, &st, d);
	if (fd == -1)
		return -1;
	if (identify(path, fd, &st, id, d) == 0 &&
	    fcntl(fd, F_SETFL, 0) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/*
 * A device's size is asked through a descriptor, as for serving it: other
 * sources may lag behind, and then every look would find another identity.
 */
int
image_look(const char *path, const char *dirs, struct image_id *id,
    struct diag *d)
{
	struct stat st;
	int fd;

	if (look(path, dirs, &st, d) == -1)
		return -1;
	if (S_ISREG(st.st_mode))
		return identify(path, -1, &st, id, d);
	fd = image_open(path, false, dirs, id, d);
	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

bool
image_same(const struct image_id *a, const struct image_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->rdev == b->rdev &&
	    a->size == b->size;
}
