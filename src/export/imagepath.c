/*
 * imagepath: the way from an export's path to a file, under the policy of
 * image-dirs.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "export/imagepath.h"

#define RACE_TRIES 16

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
open_how(int dirfd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)flags,
		.resolve = resolve,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

static int
open_beneath(int dirfd, const char *rest, int flags)
{
	int fd = -1, tries;

	/* EAGAIN: a rename elsewhere made the kernel unsure about a "..". */
	for (tries = 0; fd == -1 && tries < RACE_TRIES; tries++) {
		fd = open_how(dirfd, rest, flags,
		    RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
		if (fd == -1 && errno != EINTR && errno != EAGAIN)
			break;
	}
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
	int dirfd, fd;

	memcpy(name, dir, len); /* fits: beneath() has seen it */
	name[len] = '\0';
	dirfd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return diag_errno(d, "cannot serve \"%s\": the directory %s "
		    "of image-dirs", path, name);
	fd = open_beneath(dirfd, rest, flags);
	file_close(dirfd);
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

int
image_path_open(const char *path, const char *dirs, int flags, struct diag *d)
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

/* As open_in_dir(), from the kernel's cache alone. */
static int
cached_in_dir(const char *rest, const char *dir, size_t len)
{
	char name[PATH_MAX];
	int dirfd, fd;

	memcpy(name, dir, len); /* fits: beneath() has seen it */
	name[len] = '\0';
	dirfd = open_how(AT_FDCWD, name, O_PATH | O_DIRECTORY | O_CLOEXEC,
	    RESOLVE_CACHED);
	if (dirfd == -1)
		return -1;
	fd = open_how(dirfd, rest, O_PATH | O_CLOEXEC, RESOLVE_CACHED |
	    RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	close(dirfd);
	return fd;
}

/* Only the first directory that the path begins with: it is seldom the next
 * one that has the file. */
int
image_path_cached(const char *path, const char *dirs)
{
	const char *cursor = dirs, *dir, *rest;
	size_t len;

	if (dirs == NULL)
		return open_how(AT_FDCWD, path, O_PATH | O_CLOEXEC,
		    RESOLVE_CACHED);
	while ((dir = text_item(&cursor, &len)) != NULL)
		if ((rest = beneath(path, dir, len)) != NULL)
			return cached_in_dir(rest, dir, len);
	return -1;
}
