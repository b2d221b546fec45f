/* netbootplace: DATA/artifacts, whose turn it is there, and what goes. */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "spool/netbootpriv.h"

#define MODE_DIR 02775 /* the group's, as the data directory is */

/* --- the place ------------------------------------------------------------ */

void
netboot_temporary(char name[NAME_SIZE + 8], const char *export)
{
	snprintf(name, NAME_SIZE + 8, ".%s.new", export);
}

/* Not by its name, which others may have made a link by then. */
static int
share(int dirfd, const char *path)
{
	int fd = netboot_dir(dirfd, path), rc;

	if (fd == -1)
		return -1;
	rc = fchmod(fd, MODE_DIR);
	file_close(fd);
	return rc;
}

int
netboot_make_dir(int dirfd, const char *path)
{
	if (mkdirat(dirfd, path, 0775) == 0)
		return share(dirfd, path);
	return errno == EEXIST ? 0 : -1;
}

int
netboot_open(const struct places *p)
{
	char path[PATH_MAX + sizeof("/" DATA_ARTIFACTS)];

	snprintf(path, sizeof(path), "%s/" DATA_ARTIFACTS, p->data);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int
netboot_make(const struct places *p, struct diag *d)
{
	char path[PATH_MAX + sizeof("/" DATA_ARTIFACTS)];
	int fd;

	snprintf(path, sizeof(path), "%s/" DATA_ARTIFACTS, p->data);
	if (file_mkdirs(p->data, 0775, d) == -1)
		return -1;
	if (netboot_make_dir(AT_FDCWD, path) == -1)
		return diag_errno(d, "cannot make %s", path);
	fd = netboot_open(p);
	return fd != -1 ? fd : diag_errno(d, "cannot open %s", path);
}

/* --- removing ------------------------------------------------------------- */

static int
empty(int dirfd)
{
	int rc = 0;

	for (size_t i = 0; i < NETBOOT_FILES; i++)
		if (unlinkat(dirfd, netboot_names[i], 0) == -1 &&
		    errno != ENOENT)
			rc = -1;
	/* Last, so that what is left stays known as ours. */
	if (rc == 0 && unlinkat(dirfd, NETBOOT_MARK, 0) == -1 && errno != ENOENT)
		rc = -1;
	return rc;
}

int
netboot_remove_dir(int artifactsfd, const char *name, struct diag *d)
{
	int fd = netboot_dir(artifactsfd, name), rc;

	if (fd == -1)
		return errno == ENOENT ? 0 : diag_errno(d,
		    "cannot remove " DATA_ARTIFACTS "/%s", name);
	rc = empty(fd);
	file_close(fd);
	if (rc == 0 && unlinkat(artifactsfd, name, AT_REMOVEDIR) == 0)
		return 0;
	return diag_errno(d, "cannot remove " DATA_ARTIFACTS "/%s", name);
}

/* --- the lock ------------------------------------------------------------- */

static void
lock_name(char file[NAME_SIZE + 8], const char *export)
{
	snprintf(file, NAME_SIZE + 8, ".%s.lock", export);
}

static bool
still_named(int artifactsfd, const char *file, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 &&
	    fstatat(artifactsfd, file, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/*
 * Waits.  For one export, so that the large files of another do not hold up
 * who only wants to know that there is nothing to remove.
 */
int
netboot_lock(int artifactsfd, const char *export, struct diag *d)
{
	char file[NAME_SIZE + 8];

	lock_name(file, export);
	for (;;) {
		int fd = openat(artifactsfd, file, O_RDONLY | O_CREAT |
		    O_NOFOLLOW | O_CLOEXEC, 0664), rc;

		if (fd == -1)
			return diag_errno(d, "cannot make " DATA_ARTIFACTS
			    "/%s", file);
		while ((rc = flock(fd, LOCK_EX)) == -1 && errno == EINTR)
			;
		if (rc == -1) {
			diag_errno(d, "cannot lock " DATA_ARTIFACTS "/%s",
			    file);
			file_close(fd);
			return -1;
		}
		if (still_named(artifactsfd, file, fd))
			return fd;
		close(fd); /* its last holder has removed it */
	}
}

void
netboot_unlock(int artifactsfd, const char *export, int lockfd)
{
	char file[NAME_SIZE + 8];

	lock_name(file, export);
	unlinkat(artifactsfd, file, 0);
	close(lockfd);
}

/* --- withdrawing ---------------------------------------------------------- */

static bool
is_meant(int artifactsfd, const char *name, enum netboot_which which)
{
	struct netboot_mark m;
	bool meant = netboot_owner(artifactsfd, name, &m) == NETBOOT_OURS;

	if (which == NETBOOT_OF_KEYS)
		meant = meant && m.ref == NULL;
	else if (which == NETBOOT_NOT_GIVEN)
		meant = meant && (m.ref == NULL || m.source != NULL);
	netboot_mark_clear(&m);
	return meant;
}

static bool
is_there(int artifactsfd, const char *name)
{
	struct stat st;

	return fstatat(artifactsfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Most exports have nothing there: then there is no lock to be made. */
static bool
is_work(int artifactsfd, const char *name, enum netboot_which which)
{
	char temporary[NAME_SIZE + 8], locked[NAME_SIZE + 8];

	netboot_temporary(temporary, name);
	lock_name(locked, name);
	return is_meant(artifactsfd, name, which) ||
	    is_there(artifactsfd, temporary) || is_there(artifactsfd, locked);
}

static int
remove_locked(int artifactsfd, const char *name, enum netboot_which which,
    struct diag *d)
{
	char temporary[NAME_SIZE + 8];
	int lockfd = netboot_lock(artifactsfd, name, d), rc;

	if (lockfd == -1)
		return -1;
	netboot_temporary(temporary, name);
	rc = netboot_remove_dir(artifactsfd, temporary, d);
	if (rc == 0 && is_meant(artifactsfd, name, which))
		rc = netboot_remove_dir(artifactsfd, name, d) == 0 ? 1 : -1;
	netboot_unlock(artifactsfd, name, lockfd);
	return rc;
}

int
netboot_remove(const struct places *p, const char *name, enum netboot_which which,
    struct diag *d)
{
	int fd = netboot_open(p), rc = 0;

	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : diag_errno(d,
		    "cannot open %s/" DATA_ARTIFACTS, p->data);
	if (is_work(fd, name, which))
		rc = remove_locked(fd, name, which, d);
	close(fd);
	return rc;
}
