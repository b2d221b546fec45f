/* eventlog: which files there are, and their lines from the last to the first. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "base/array.h"
#include "base/clock.h"
#include "tool/eventlog.h"
#include "tool/when.h"

#define BLOCK (2 * EVENTS_LINE_MAX)
#define TIME_AT 9    /* {"time":" */
#define TIME_LEN 24
#define SLACK 60     /* s by which lines may be out of order: many write */
#define FILES_MAX 1024

/* --- what is wanted ------------------------------------------------------- */

static bool
matches(const char *value, char *const *patterns, size_t count)
{
	if (count == 0)
		return true;
	for (size_t i = 0; value != NULL && i < count; i++)
		if (fnmatch(patterns[i], value, 0) == 0)
			return true;
	return false;
}

static bool
older(const char *line, size_t len, const char *than)
{
	return len > TIME_AT + TIME_LEN && than[0] != '\0' &&
	    strncmp(line + TIME_AT, than, TIME_LEN) < 0;
}

bool
eventlog_wants(const struct eventlog_query *q, const char *line, size_t len,
    struct eventline *e)
{
	if (older(line, len, q->since) || !eventline_parse(e, line, len))
		return false;
	if (matches(eventline_get(e, "event"), q->events, q->nevents) &&
	    matches(eventline_get(e, "export"), q->exports, q->nexports))
		return true;
	eventline_free(e);
	return false;
}

/* --- which files ---------------------------------------------------------- */

struct file {
	int fd;
	struct stat st;
};

/* Behind events.jsonl: ".1", "-20261122", "-20261122-1700000000". */
static bool
ours(const char *name)
{
	size_t len = strlen(EVENTS_FILE);

	if (strncmp(name, EVENTS_FILE, len) != 0)
		return false;
	name += len;
	return (name[0] == '.' || name[0] == '-') && name[1] != '\0' &&
	    name[1 + strspn(name + 1, "0123456789-")] == '\0';
}

/* The newest first. */
static int
by_age(const void *va, const void *vb)
{
	const struct timespec *a = &((const struct file *)va)->st.st_mtim;
	const struct timespec *b = &((const struct file *)vb)->st.st_mtim;
	uint64_t x = clock_number(a), y = clock_number(b);

	return (x < y) - (x > y);
}

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* 1, or 0: not this one, or it is the one of now, rotated a moment ago. */
static size_t
open_one(int dirfd, const char *name, const struct file *now, struct file *f)
{
	f->fd = openat(dirfd, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (f->fd == -1)
		return 0;
	if (fstat(f->fd, &f->st) == 0 && S_ISREG(f->st.st_mode) &&
	    (now == NULL || !same(&f->st, &now->st)))
		return 1;
	close(f->fd);
	return 0;
}

static size_t
open_rotated(int dirfd, DIR *dir, const struct file *now, struct file *files)
{
	const struct dirent *e;
	size_t count = 0;

	while (count < FILES_MAX && (e = readdir(dir)) != NULL)
		if (ours(e->d_name))
			count += open_one(dirfd, e->d_name, now,
			    &files[count]);
	qsort(files, count, sizeof(*files), by_age);
	return count;
}

/* --- from the end of one -------------------------------------------------- */

struct back {
	int fd;
	off_t start;      /* of what is in the block, in the file, */
	size_t len;       /* that has not been given out yet */
	char block[BLOCK];
};

/* The block ends where what was given out begins. */
static bool
load(struct back *b)
{
	off_t end = b->start + (off_t)b->len;
	size_t n = end < BLOCK ? (size_t)end : BLOCK;

	b->start = end - (off_t)n;
	b->len = n;
	return n > 0 && pread(b->fd, b->block, n, b->start) == (ssize_t)n;
}

/* The line before; one that is longer than any comes in pieces. */
static const char *
back_line(struct back *b, size_t *len)
{
	const char *nl = NULL;

	if (b->len > 0)
		nl = memrchr(b->block, '\n', b->len - 1);
	if (nl == NULL && b->start > 0) {
		if (!load(b))
			return NULL;
		nl = memrchr(b->block, '\n', b->len - 1);
	}
	if (b->len == 0)
		return NULL;
	nl = nl != NULL ? nl + 1 : b->block;
	*len = (size_t)(b->block + b->len - nl);
	b->len -= *len;
	if (nl[*len - 1] == '\n')
		--*len;
	return nl;
}

/* --- all of it ------------------------------------------------------------ */

static int
keep(struct eventlog *l, const char *line, size_t len)
{
	char **lines = array_more(l->lines, l->count, &l->room,
	    sizeof(*lines));

	if (lines == NULL)
		return -1;
	l->lines = lines;
	if ((lines[l->count] = strndup(line, len)) == NULL)
		return -1;
	l->count++;
	return 0;
}

/* 1: no older one is wanted; 0; -1 with errno. */
static int
read_one(struct eventlog *l, const struct eventlog_query *q, struct back *b,
    int fd, off_t size)
{
	char stop[EVENTS_TIME_SIZE] = "";
	struct eventline e;
	const char *line;
	uint64_t ns;
	size_t len;

	if (q->since[0] != '\0' && when_parse(q->since, 0, &ns, NULL) == 0)
		events_time(stop, ns > SLACK * CLOCK_SECOND ?
		    ns - SLACK * CLOCK_SECOND : 0);
	b->fd = fd;
	b->start = size;
	b->len = 0;
	while ((line = back_line(b, &len)) != NULL) {
		if (l->count == q->limit || older(line, len, stop))
			return 1;
		if (!eventlog_wants(q, line, len, &e))
			continue;
		eventline_free(&e);
		if (keep(l, line, len) == -1)
			return -1;
	}
	return 0;
}

/* Up to its last newline: who follows it begins there. */
static off_t
whole_lines(struct back *b, int fd, off_t size)
{
	const char *line;
	size_t len;

	b->fd = fd;
	b->start = size;
	b->len = 0;
	line = back_line(b, &len);
	if (line == NULL)
		return 0;
	return b->start + (off_t)(b->len + len) == size ?
	    b->start + (off_t)b->len : size;
}

static int
read_all(struct eventlog *l, const struct eventlog_query *q, int dirfd,
    DIR *dir)
{
	struct file *files = calloc(FILES_MAX + 1, sizeof(*files));
	struct back *b = malloc(sizeof(*b));
	size_t count = 0, one = 0;
	int rc = -1;

	if (files != NULL && b != NULL) {
		one = open_one(dirfd, EVENTS_FILE, NULL, files);
		count = one + open_rotated(dirfd, dir, one > 0 ? files : NULL,
		    files + one);
		rc = 0;
	}
	for (size_t i = 0; i < count && rc == 0; i++) {
		off_t size = files[i].st.st_size;

		if (i < one)
			size = l->at = whole_lines(b, files[i].fd, size);
		rc = read_one(l, q, b, files[i].fd, size);
	}
	for (size_t i = one; i < count; i++)
		close(files[i].fd);
	if (one > 0)
		l->fd = files[0].fd;
	free(b);
	free(files);
	return rc == -1 ? -1 : 0;
}

int
eventlog_read(struct eventlog *l, const char *path,
    const struct eventlog_query *q, struct diag *d)
{
	DIR *dir = opendir(path);
	int rc;

	*l = (struct eventlog) { .fd = -1 };
	if (dir == NULL)
		return diag_errno(d, "cannot read the events in %s", path);
	rc = read_all(l, q, dirfd(dir), dir);
	if (rc == -1)
		diag_errno(d, "cannot read the events in %s", path);
	closedir(dir);
	return rc;
}

void
eventlog_free(struct eventlog *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->lines[i]);
	free(l->lines);
	if (l->fd != -1)
		close(l->fd);
	*l = (struct eventlog) { .fd = -1 };
}
