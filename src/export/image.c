/* image: what a file must be to be served, and which one it is. */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "export/imagepath.h"

/* What an image must be; enough to tell a FIFO without opening it. */
#define LOOK (O_PATH | O_CLOEXEC)
/* A FIFO or a tape that came meanwhile must neither block nor take over. */
#define OPEN (O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

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
	id->local = false;
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
	fd = image_path_open(path, dirs, LOOK, d);
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
	strlcpy(words, d->text, sizeof(words));
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
	int fd, flags = OPEN | (writable ? O_RDWR : O_RDONLY);

	if (look(path, dirs, st, d) == -1) {
		if (errno == EACCES)
			explain_permission(writable, d);
		return -1;
	}
	fd = image_path_open(path, dirs, flags, d);
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
	file_close(fd);
	return -1;
}

/*
 * File systems that know a file's size without asking anybody, once its inode
 * is in memory.
 */
static bool
is_local(int fd, const struct stat *st)
{
	struct statfs fs;

	if (!S_ISREG(st->st_mode) || fstatfs(fd, &fs) == -1)
		return false;
	return fs.f_type == EXT4_SUPER_MAGIC ||
	    fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC ||
	    fs.f_type == F2FS_SUPER_MAGIC || fs.f_type == TMPFS_MAGIC;
}

int
image_open(const char *path, bool writable, const char *dirs,
    struct image_id *id, struct diag *d)
{
	struct stat st;
	int fd;

	fd = open_checked(path, writable, dirs, &st, d);
	if (fd == -1)
		return -1;
	if (identify(path, fd, &st, id, d) == 0) {
		(void)fcntl(fd, F_SETFL, 0); /* O_NONBLOCK has done its job */
		id->local = is_local(fd, &st);
		return fd;
	}
	file_close(fd);
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
image_is_still(const char *path, const char *dirs, const struct image_id *id)
{
	struct statx st;
	int fd, rc;

	if (!id->local || (fd = image_path_cached(path, dirs)) == -1)
		return false;
	rc = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
	    STATX_TYPE | STATX_INO | STATX_SIZE, &st);
	close(fd);
	return rc == 0 && S_ISREG(st.stx_mode) &&
	    makedev(st.stx_dev_major, st.stx_dev_minor) == id->dev &&
	    st.stx_ino == id->ino && st.stx_size == id->size;
}

bool
image_same(const struct image_id *a, const struct image_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->rdev == b->rdev &&
	    a->size == b->size;
}
