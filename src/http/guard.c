/* guard: counts in the length of a file, under a lock. */
#include <arpa/inet.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "http/guard.h"

#define PREFIX "failed-"
#define COUNT_MAX 64 /* more make no difference */

unsigned
guard_delay(unsigned long long failures)
{
	unsigned delay = 1;

	if (failures < GUARD_FREE)
		return 0;
	while (failures-- > GUARD_FREE && delay < GUARD_MOST)
		delay *= 2;
	return delay < GUARD_MOST ? delay : GUARD_MOST;
}

void
guard_name(char dst[GUARD_NAME_SIZE], const char *address)
{
	unsigned char b[16];
	size_t i;

	if (inet_pton(AF_INET6, address, b) == 1 && memcmp(b,
	    "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) != 0) {
		snprintf(dst, GUARD_NAME_SIZE, PREFIX "%02x%02x-%02x%02x-"
		    "%02x%02x-%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5],
		    b[6], b[7]);
		return;
	}
	snprintf(dst, GUARD_NAME_SIZE, PREFIX "%s", address);
	for (i = strlen(PREFIX); dst[i] != '\0'; i++)
		if (strchr("0123456789abcdefABCDEF.-", dst[i]) == NULL)
			dst[i] = '_';
}

/* What is long ago, of all addresses: only when a new one comes. */
static void
sweep(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	struct stat st;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0 &&
		    fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtime + GUARD_FORGET < time(NULL))
			unlinkat(dirfd, e->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	else if (fd != -1)
		close(fd);
}

/*
 * Opened and locked, and still under its name.  With O_CREAT in flags it is
 * made: who never fails has none, and never waits for another.
 */
static int
open_locked(struct guard *g, int flags, struct stat *st)
{
	struct stat named;

	for (;;) {
		g->fd = openat(g->dirfd, g->name, O_WRONLY | O_APPEND |
		    O_NOFOLLOW | O_CLOEXEC | flags, 0600);
		if (g->fd == -1 || flock(g->fd, LOCK_EX) != 0 ||
		    fstat(g->fd, st) != 0)
			return -1;
		if (fstatat(g->dirfd, g->name, &named, AT_SYMLINK_NOFOLLOW) ==
		    0 && named.st_ino == st->st_ino)
			return 0;
		close(g->fd);
	}
}

int
guard_begin(struct guard *g, int dirfd, const char *address, struct diag *d)
{
	uint64_t now = clock_now(CLOCK_REALTIME), since, delay;
	struct stat st;

	*g = (struct guard) { .dirfd = dirfd, .fd = -1 };
	guard_name(g->name, address);
	if (dirfd == -1)
		return diag_set(d, "there is no place to count failed logins");
	if (open_locked(g, 0, &st) != 0)
		return errno == ENOENT ? 0 :
		    diag_errno(d, "cannot count failed logins");
	since = clock_number(&st.st_mtim);
	/* A clock that was set back must not lock anybody out. */
	if (since > now)
		since = now;
	if (now - since > GUARD_FORGET * CLOCK_SECOND)
		return ftruncate(g->fd, 0) == 0 ? 0 :
		    diag_errno(d, "cannot count failed logins");
	delay = guard_delay((unsigned long long)st.st_size) * CLOCK_SECOND;
	if (now - since >= delay)
		return 0;
	return (int)((delay - (now - since) + CLOCK_SECOND - 1) /
	    CLOCK_SECOND);
}

int
guard_fail(struct guard *g, struct diag *d)
{
	struct stat st;

	if (g->dirfd == -1)
		return -1;
	if (g->fd == -1) {
		sweep(g->dirfd);
		if (open_locked(g, O_CREAT, &st) != 0)
			return diag_errno(d, "cannot count failed logins");
	} else if (fstat(g->fd, &st) != 0)
		return diag_errno(d, "cannot count failed logins");
	if (st.st_size >= COUNT_MAX)
		return futimens(g->fd, NULL);
	if (file_write_all(g->fd, "x", 1) != 0)
		return diag_errno(d, "cannot count failed logins");
	return 0;
}

void
guard_pass(struct guard *g)
{
	if (g->fd != -1)
		unlinkat(g->dirfd, g->name, 0);
}

void
guard_end(struct guard *g)
{
	if (g->fd != -1)
		close(g->fd);
	g->fd = -1;
}
