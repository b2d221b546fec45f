/*
 * state: the pid file.  Its lock belongs to the open file (OFD), so it goes
 * through fork(2) to the daemon and ends with the last descriptor; and it can
 * be asked about without being taken.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "spool/places.h"
#include "spool/state.h"

#define LOCK_TRIES 100

static struct flock
whole_file(void)
{
	return (struct flock) { .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

/* The number on the first line; 0 when there is none. */
static long
read_pid(int fd)
{
	char text[32], *end;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	pid = strtol(text, &end, 10);
	return end != text && *end == '\n' && pid > 0 ? pid : 0;
}

static int
already_running(int fd, struct diag *d)
{
	long pid = read_pid(fd);

	errno = EAGAIN;
	if (pid == 0)
		return diag_set(d, "another nbdmuxd is starting with this "
		    "state directory; give this one its own with -S");
	return diag_set(d, "nbdmuxd is already running with this state "
	    "directory as pid %ld; end that one, or give this one its own "
	    "with -S", pid);
}

/* Is the open file still the one with the name? */
static bool
still_named(int statefd, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 &&
	    fstatat(statefd, STATE_PID, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The locked descriptor; -1 with d set; -2 when the file was replaced. */
static int
try_lock(int statefd, struct diag *d)
{
	struct flock l = whole_file();
	int fd = openat(statefd, STATE_PID,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	int rc = -1;

	if (fd == -1)
		return diag_errno(d, "cannot open %s", STATE_PID);
	if (fcntl(fd, F_OFD_SETLK, &l) == -1) {
		if (errno == EAGAIN || errno == EACCES)
			already_running(fd, d);
		else
			diag_errno(d, "cannot lock %s", STATE_PID);
	} else if (!still_named(statefd, fd)) {
		rc = -2;
	/* Nobody is to take the last daemon's number for this one's. */
	} else if (ftruncate(fd, 0) == -1) {
		diag_errno(d, "cannot write %s", STATE_PID);
	} else {
		return fd;
	}
	file_close(fd);
	return rc;
}

int
state_lock(int statefd, struct diag *d)
{
	int fd;

	for (int i = 0; i < LOCK_TRIES; i++) {
		fd = try_lock(statefd, d);
		if (fd != -2)
			return fd;
	}
	errno = EAGAIN;
	return diag_set(d, "cannot lock %s: somebody keeps replacing it",
	    STATE_PID);
}

/* Written before it is cut: the file is never without a first line. */
int
state_lock_pid(int lockfd, long pid)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", pid);
	ssize_t n = pwrite(lockfd, text, (size_t)len, 0);

	if (n != len) {
		if (n >= 0)
			errno = ENOSPC;
		return -1;
	}
	return ftruncate(lockfd, len);
}

long
state_alive(int statefd)
{
	struct flock l = whole_file();
	int fd = openat(statefd, STATE_PID,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	long pid = 0;

	if (fd == -1)
		return 0;
	if (fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK)
		pid = read_pid(fd);
	close(fd);
	return pid;
}

int
state_lock_spool(int spoolfd, const char *path, struct diag *d)
{
	if (flock(spoolfd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return 0;
	return diag_set(d, "another nbdmuxd serves the spool %s; end that one, "
	    "or name another spool with -s", path);
}
