/* follow: read to the end, see whether the name is another file's, wait. */
#include <sys/inotify.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/events.h"
#include "tool/follow.h"

#define TICK_MS 250

/* Idempotent; a directory that was made anew is watched, too. */
static void
watch(struct follow *f)
{
	if (f->inotify != -1)
		inotify_add_watch(f->inotify, f->dir, IN_MODIFY | IN_CREATE |
		    IN_MOVED_TO | IN_ONLYDIR);
}

void
follow_begin(struct follow *f, const char *dir, int fd, off_t at)
{
	*f = (struct follow) { .dir = dir, .fd = fd, .at = at };
	buf_init(&f->line, EVENTS_LINE_MAX);
	f->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	watch(f);
}

void
follow_end(struct follow *f)
{
	if (f->fd != -1)
		close(f->fd);
	if (f->inotify != -1)
		close(f->inotify);
	buf_free(&f->line);
	f->fd = f->inotify = -1;
}

static void
take(struct follow *f, const char *data, size_t len,
    void (*line)(void *arg, const char *text, size_t len), void *arg)
{
	const char *nl;

	while ((nl = memchr(data, '\n', len)) != NULL) {
		size_t n = (size_t)(nl - data);

		if (buf_add(&f->line, data, n) == 0 && f->line.len > 0)
			line(arg, f->line.data, f->line.len);
		buf_reset(&f->line);
		data += n + 1;
		len -= n + 1;
	}
	if (buf_add(&f->line, data, len) == -1)
		buf_reset(&f->line); /* no event is as long as this */
}

static int
open_now(const struct follow *f)
{
	char path[PATH_MAX + sizeof(EVENTS_FILE)];

	snprintf(path, sizeof(path), "%s/%s", f->dir, EVENTS_FILE);
	return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static void
turn_to(struct follow *f, int fd)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = fd;
	f->at = 0;
	f->leaving = false;
	buf_reset(&f->line);
}

/* A writer may be about to add to the old one still: it gets one more look. */
static void
look_for_another(struct follow *f)
{
	struct stat now, ours;
	int fd = open_now(f);

	if (fd == -1)
		return;
	if (f->fd != -1 && fstat(fd, &now) == 0 && fstat(f->fd, &ours) == 0 &&
	    now.st_dev == ours.st_dev && now.st_ino == ours.st_ino) {
		close(fd);
		if (ours.st_size < f->at) /* it was copied and cut */
			f->at = 0;
		return;
	}
	if (f->fd == -1 || f->leaving) {
		turn_to(f, fd);
		return;
	}
	f->leaving = true;
	close(fd);
}

void
follow_read(struct follow *f,
    void (*line)(void *arg, const char *text, size_t len), void *arg)
{
	char data[65536];
	ssize_t n;
	int before;

	do {
		before = f->fd;
		while (f->fd != -1 && (n = pread(f->fd, data, sizeof(data),
		    f->at)) > 0) {
			f->at += n;
			take(f, data, (size_t)n, line, arg);
		}
		look_for_another(f);
	} while (f->fd != before);
}

bool
follow_wait(struct follow *f, int outfd)
{
	struct pollfd p[] = {
		{ .fd = f->inotify, .events = POLLIN }, /* -1 is skipped */
		{ .fd = outfd },
	};
	char events[4096];

	poll(p, 2, TICK_MS);
	while (f->inotify != -1 &&
	    read(f->inotify, events, sizeof(events)) > 0)
		;
	watch(f);
	return (p[1].revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}
