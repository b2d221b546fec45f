/* A directory of a test's own, and files in it. */
#ifndef T_UNIT_SPOOL_DIR_H
#define T_UNIT_SPOOL_DIR_H

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dir {
	int fd;
	char path[PATH_MAX];
};

static inline void
dir_make(struct dir *d)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(d->path, sizeof(d->path), "%s/nbdmux-unit-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(d->path) == NULL ||
	    (d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		perror(d->path);
		exit(1);
	}
}

/* How many files there are; remove: and take them away. */
static inline int
dir_count(const struct dir *d, int remove)
{
	DIR *dir = opendir(d->path);
	const struct dirent *e;
	int n = 0;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0) {
			n++;
			if (remove && unlinkat(d->fd, e->d_name, 0) == -1)
				unlinkat(d->fd, e->d_name, AT_REMOVEDIR);
		}
	if (dir != NULL)
		closedir(dir);
	return n;
}

static inline void
dir_remove(struct dir *d)
{
	dir_count(d, 1);
	close(d->fd);
	if (rmdir(d->path) == -1)
		perror(d->path);
}

static inline void
dir_put_bytes(const struct dir *d, const char *name, const void *data,
    size_t len)
{
	int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0644);

	if (fd == -1 || write(fd, data, len) != (ssize_t)len) {
		perror(name);
		exit(1);
	}
	close(fd);
}

static inline void
dir_put(const struct dir *d, const char *name, const char *text)
{
	dir_put_bytes(d, name, text, strlen(text));
}

/* The file's text in a buffer of the caller's; "" when there is none. */
static inline const char *
dir_get(const struct dir *d, const char *name, char *text, size_t size)
{
	int fd = openat(d->fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, text, size - 1) : 0;

	text[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		close(fd);
	return text;
}

static inline unsigned long long
dir_inode(const struct dir *d, const char *name)
{
	struct stat st;

	return fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ?
	    (unsigned long long)st.st_ino : 0;
}

#endif
