/*
 * publish: temporary file, fsync, rename, fsync of the directory.  Where the
 * kernel can, the temporary file has no name until it is complete, so that a
 * writer who dies while writing leaves nothing at all.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "base/file.h"
#include "spool/publish.h"

#define TEMP_PREFIX ".nbdmux-"
#define TEMP_SIZE 32
#define TEMP_TRIES 100

struct temp {
	int fd;
	char name[TEMP_SIZE]; /* "" while it has none */
};

static void
make_name(struct temp *t)
{
	snprintf(t->name, sizeof(t->name), TEMP_PREFIX "%08x%08x",
	    arc4random(), arc4random());
}

/* The old way: a file that has its temporary name from the start. */
static int
open_named(struct temp *t, int dirfd, mode_t mode)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		make_name(t);
		t->fd = openat(dirfd, t->name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    mode);
		if (t->fd != -1)
			return 0;
		if (errno != EEXIST)
			break;
	}
	t->name[0] = '\0';
	return -1;
}

/* File systems without O_TMPFILE say so in different ways. */
static int
open_temp(struct temp *t, int dirfd, mode_t mode)
{
	t->name[0] = '\0';
	t->fd = openat(dirfd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
	if (t->fd != -1)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL &&
	    errno != ENOENT && errno != ENOSYS)
		return -1;
	return open_named(t, dirfd, mode);
}

static int
write_content(int fd, const void *data, size_t len, mode_t mode,
    unsigned flags)
{
	if (file_write_all(fd, data, len) == -1)
		return -1;
	/* Not the mode of open(2): the umask does not count here. */
	if (fchmod(fd, mode) == -1)
		return -1;
	/*
	 * State is rewritten at every start and lies on a tmpfs: after a
	 * crash of the machine there is nothing that it could be true about.
	 */
	return flags & PUBLISH_VOLATILE ? 0 : fsync(fd);
}

/*
 * rename(2) replaces a file and linkat(2) does not, so a complete nameless
 * file gets a temporary name first.  AT_EMPTY_PATH would need a capability;
 * the way through /proc needs none.
 */
static int
give_name(struct temp *t, int dirfd)
{
	char path[64];

	if (t->name[0] != '\0')
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", t->fd);
	for (int i = 0; i < TEMP_TRIES; i++) {
		make_name(t);
		if (linkat(AT_FDCWD, path, dirfd, t->name,
		    AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	t->name[0] = '\0';
	return -1;
}

/* Closed and gone, whatever it was; errno is kept. */
static void
drop_temp(struct temp *t, int dirfd)
{
	int saved = errno;

	if (t->name[0] != '\0')
		unlinkat(dirfd, t->name, 0);
	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
	t->name[0] = '\0';
	errno = saved;
}

/* A complete file under its temporary name. */
static int
prepare(struct temp *t, int dirfd, const void *data, size_t len, mode_t mode,
    unsigned flags)
{
	if (open_temp(t, dirfd, mode) == -1)
		return -1;
	if (write_content(t->fd, data, len, mode, flags) == -1)
		goto bad;
	if (give_name(t, dirfd) == 0)
		return 0;
	/* Without /proc, or where it may not be linked: the old way. */
	drop_temp(t, dirfd);
	if (open_named(t, dirfd, mode) == -1)
		return -1;
	if (write_content(t->fd, data, len, mode, flags) == 0)
		return 0;
bad:
	drop_temp(t, dirfd);
	return -1;
}

int
publish_file(int dirfd, const char *name, const void *data, size_t len,
    mode_t mode, unsigned flags, struct diag *d)
{
	struct temp t = { .fd = -1 };

	if (prepare(&t, dirfd, data, len, mode, flags) == -1)
		return diag_errno(d, "cannot write %s", name);
	if (renameat(dirfd, t.name, dirfd, name) == -1) {
		drop_temp(&t, dirfd);
		return diag_errno(d, "cannot write %s", name);
	}
	t.name[0] = '\0';
	drop_temp(&t, dirfd);
	/* EINVAL: a directory of this file system cannot be synced. */
	if (!(flags & PUBLISH_VOLATILE) && fsync(dirfd) == -1 &&
	    errno != EINVAL)
		return diag_errno(d, "%s is written, but may not outlive a "
		    "crash: cannot sync its directory", name);
	return 0;
}

int
publish_remove(int dirfd, const char *name, struct diag *d)
{
	if (unlinkat(dirfd, name, 0) == -1) {
		if (errno == ENOENT)
			return 0;
		return diag_errno(d, "cannot remove %s", name);
	}
	if (fsync(dirfd) == -1 && errno != EINVAL)
		return diag_errno(d, "%s is removed, but may be back after a "
		    "crash: cannot sync its directory", name);
	return 1;
}

static bool
is_litter(int dirfd, const char *name, time_t before)
{
	struct stat st;

	return strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0 &&
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_mtime < before;
}

int
publish_sweep(int dirfd, unsigned age)
{
	/* Opened anew: a duplicate would share its position. */
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	time_t before = time(NULL) - (time_t)age;
	const struct dirent *e;
	int count = 0;

	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return 0;
	}
	while ((e = readdir(dir)) != NULL)
		if (is_litter(dirfd, e->d_name, before) &&
		    unlinkat(dirfd, e->d_name, 0) == 0)
			count++;
	closedir(dir);
	return count;
}
