/* turn: a lock on one byte of a file for each name, so nothing is left over. */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "http/turn.h"

#define FILE_NAME "turn"
#define TICK_MS 5

/* FNV-1a, 64 bits; two names with one number wait for each other. */
static off_t
number(const char *name)
{
	unsigned long long h = 0xcbf29ce484222325;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3;
	return (off_t)(h >> 2);
}

int
turn_take(int dirfd, const char *name)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
		.l_start = number(name), .l_len = 1 };
	struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
	int fd = dirfd == -1 ? -1 : openat(dirfd, FILE_NAME, O_RDWR | O_CREAT |
	    O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1)
		return -1;
	for (int ms = 0; ms < TURN_MS; ms += TICK_MS) {
		if (fcntl(fd, F_OFD_SETLK, &l) == 0)
			return fd;
		if (errno != EAGAIN && errno != EACCES)
			break;
		nanosleep(&tick, NULL);
	}
	close(fd);
	return -1;
}
