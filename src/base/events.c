/* events: a line of JSON, and the file that it is appended to. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "base/clock.h"
#include "base/events.h"
#include "base/file.h"
#include "base/text.h"

/* The group may add to it, whoever made it: see tmpfiles.d. */
#define MODE 0664

/* --- a line --------------------------------------------------------------- */

char *
events_time(char dst[EVENTS_TIME_SIZE], unsigned long long ns)
{
	size_t len;

	text_time(dst, EVENTS_TIME_SIZE, (long long)(ns / CLOCK_SECOND));
	len = strcspn(dst, "Z");
	snprintf(dst + len, EVENTS_TIME_SIZE - len, ".%03uZ",
	    (unsigned)(ns % CLOCK_SECOND / CLOCK_MS));
	return dst;
}

void
event_begin(struct event *e, const char *name, const char *program,
    const char *who, const char *export)
{
	char when[EVENTS_TIME_SIZE];

	memset(e, 0, sizeof(*e));
	e->json.out = open_memstream(&e->text, &e->size);
	if (e->json.out == NULL)
		return;
	json_open(&e->json, NULL, '{');
	json_string(&e->json, "time",
	    events_time(when, clock_now(CLOCK_REALTIME)));
	json_string(&e->json, "event", name);
	json_string(&e->json, "program", program);
	json_string(&e->json, "who", who);
	json_string(&e->json, "export", export);
}

char *
event_end(struct event *e, size_t *len)
{
	bool bad;

	errno = ENOMEM;
	if (e->json.out == NULL)
		return NULL;
	json_close(&e->json, '}');
	fputc('\n', e->json.out);
	bad = ferror(e->json.out);
	if (fclose(e->json.out) == 0 && !bad) {
		*len = e->size;
		if (e->size <= EVENTS_LINE_MAX)
			return e->text;
		errno = E2BIG;
	}
	free(e->text);
	return NULL;
}

/* --- the file ------------------------------------------------------------- */

void
events_init(struct events *f, const char *dir)
{
	strlcpy(f->dir, dir, sizeof(f->dir));
	f->fd = -1;
}

void
events_close(struct events *f)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
}

static int
open_at(int dirfd)
{
	int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = openat(dirfd, EVENTS_FILE, flags);

	if (fd != -1 || errno != ENOENT)
		return fd;
	fd = openat(dirfd, EVENTS_FILE, flags | O_CREAT | O_EXCL, MODE);
	if (fd == -1 && errno == EEXIST)
		return openat(dirfd, EVENTS_FILE, flags);
	if (fd != -1 && fchmod(fd, MODE) == -1) {
		file_close(fd);
		return -1;
	}
	return fd;
}

static int
open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1 || errno != ENOENT)
		return fd;
	if (file_mkdirs(dir, 0775, NULL) == -1)
		return -1;
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The file that has the name now is the one that is open; else it is closed. */
static bool
still_there(struct events *f, int dirfd)
{
	struct stat named, opened;

	if (f->fd == -1)
		return false;
	if (fstatat(dirfd, EVENTS_FILE, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstat(f->fd, &opened) == 0 && named.st_dev == opened.st_dev &&
	    named.st_ino == opened.st_ino)
		return true;
	events_close(f);
	return false;
}

static int
open_file(struct events *f)
{
	int dirfd = open_dir(f->dir);
	struct stat st;

	if (dirfd == -1)
		return -1;
	if (!still_there(f, dirfd))
		f->fd = open_at(dirfd);
	file_close(dirfd);
	if (f->fd == -1)
		return -1;
	if (fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	events_close(f);
	errno = EINVAL;
	return -1;
}

/* Does the file end in the middle of a line?  Another one may be at work. */
static bool
cut_off(int fd)
{
	struct stat st;
	char last;

	return fstat(fd, &st) == 0 && st.st_size > 0 &&
	    pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n';
}

static int
append(int fd, const char *line, size_t len)
{
	ssize_t n;

	if (cut_off(fd) && write(fd, "\n", 1) != 1)
		return -1;
	do
		n = write(fd, line, len);
	while (n == -1 && errno == EINTR);
	if (n == (ssize_t)len)
		return 0;
	if (n >= 0)
		errno = ENOSPC;
	return -1;
}

int
events_open(struct events *f, struct diag *d)
{
	if (open_file(f) == 0)
		return 0;
	return diag_errno(d, "cannot record events in %s/%s", f->dir,
	    EVENTS_FILE);
}

int
events_write(struct events *f, const char *line, size_t len, struct diag *d)
{
	if (events_open(f, d) == -1)
		return -1;
	if (append(f->fd, line, len) == 0)
		return 0;
	return diag_errno(d, "cannot record an event in %s/%s", f->dir,
	    EVENTS_FILE);
}
