/* fetch: the state file, text <-> struct <-> file, and the lock. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/text.h"
#include "spool/fetch.h"
#include "spool/publish.h"
#include "spool/state.h"

#define SECTION "fetch"
#define FILE_MAX (64 * 1024)
#define LOCK_TRIES 100

#define AT(member) .offset = offsetof(struct fetch, member)

const struct key fetch_keys[] = {
	{ .name = "format", .type = KEY_COUNT, AT(format),
	    .flags = KEY_REQUIRED, .help = "version of this format" },
	{ .name = "status", .type = KEY_ENUM, AT(status),
	    .choices = status_names, .flags = KEY_REQUIRED,
	    .help = "how far it has come" },
	{ .name = "error", .type = KEY_STRING, AT(error),
	    .help = "why it failed" },
	{ .name = "source", .type = KEY_STRING, AT(source),
	    .help = "where the image is fetched from" },
	{ .name = "refresh", .type = KEY_BOOL, AT(refresh), .value = "no",
	    .help = "a newer version of an image that is served" },
	{ .name = "bytes-total", .type = KEY_COUNT, AT(bytes_total),
	    .help = "bytes of the download, 0 when not known" },
	{ .name = "bytes-done", .type = KEY_COUNT, AT(bytes_done),
	    .help = "bytes that are there, or decompressed, by now" },
	{ .name = "bytes-rate", .type = KEY_COUNT, AT(bytes_rate),
	    .help = "bytes per second lately, 0 when not known" },
	{ .name = "enqueued", .type = KEY_COUNT, AT(enqueued),
	    .help = "when it was asked for, s since the epoch" },
	{ .name = "started", .type = KEY_COUNT, AT(started),
	    .help = "when it began" },
	{ .name = "updated", .type = KEY_COUNT, AT(updated),
	    .help = "when this was written" },
	{ .name = "completed", .type = KEY_COUNT, AT(completed),
	    .help = "when it was done" },
	{ .name = "retry", .type = KEY_COUNT, AT(retry),
	    .help = "when it is tried again" },
	{ .name = "pid", .type = KEY_COUNT, AT(pid),
	    .help = "process ID of nbdmux-fetch" },
	{ .name = "spool-ino", .type = KEY_COUNT, AT(spool_ino),
	    .help = "inode of the entry that asks for it" },
	{ .name = "spool-mtime", .type = KEY_COUNT, AT(spool_mtime),
	    .help = "its modification time, ns since the epoch" },
	{ 0 }
};

void
fetch_clear(struct fetch *f)
{
	keys_clear(fetch_keys, f);
}

int
fetch_read(int fetchfd, const char *name, struct fetch *f, struct diag *d)
{
	char file[NAME_FILE_SIZE];
	struct buf b;
	int rc;

	memset(f, 0, sizeof(*f));
	name_to_file(file, name);
	buf_init(&b, FILE_MAX);
	rc = file_read(fetchfd, file, true, &b, NULL, d);
	if (rc == -1 && errno == ENOENT)
		rc = 0;
	else if (rc == 0)
		rc = keys_init(fetch_keys, f, d) == -1 || keys_parse(fetch_keys,
		    f, SECTION, b.len > 0 ? b.data : "", b.len, file, d) == -1 ?
		    -1 : 1;
	buf_free(&b);
	return rc;
}

/* Reasons come from servers, too: what could not be read back is escaped. */
int
fetch_write(int fetchfd, const char *name, const struct fetch *f,
    struct diag *d)
{
	char file[NAME_FILE_SIZE], error[DIAG_MAX];
	struct fetch copy = *f;
	struct buf b;
	int rc;

	name_to_file(file, name);
	if (f->error != NULL && conf_value_check(f->error, NULL) == -1)
		copy.error = text_escape(error, sizeof(error), f->error,
		    strlen(f->error));
	buf_init(&b, FILE_MAX);
	rc = keys_format(fetch_keys, &copy, SECTION, &b, d);
	if (rc == 0)
		rc = publish_file(fetchfd, file, b.data, b.len, 0644,
		    PUBLISH_VOLATILE, d);
	buf_free(&b);
	return rc;
}

int
fetch_remove(int fetchfd, const char *name)
{
	char file[NAME_FILE_SIZE];

	name_to_file(file, name);
	return unlinkat(fetchfd, file, 0);
}

int
fetch_open(int statefd, bool make, struct diag *d)
{
	int fd;

	if (make && mkdirat(statefd, STATE_FETCH, 0755) == -1 &&
	    errno != EEXIST)
		return diag_errno(d, "cannot make the directory %s in the "
		    "state directory", STATE_FETCH);
	fd = openat(statefd, STATE_FETCH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return diag_errno(d, "cannot open the directory %s in the "
		    "state directory", STATE_FETCH);
	return fd;
}

bool
fetch_answers(const struct fetch *f, const struct stamp *s)
{
	return f->spool_ino == s->ino && f->spool_mtime == s->mtime;
}

bool
fetch_pending(const struct fetch *f)
{
	return f->status == STATUS_QUEUED || f->status == STATUS_FETCHING ||
	    f->status == STATUS_DECOMPRESSING;
}

double
fetch_percent(const struct fetch *f)
{
	if (f->bytes_total == 0)
		return -1;
	if (f->bytes_done >= f->bytes_total)
		return 100;
	return 100.0 * (double)f->bytes_done / (double)f->bytes_total;
}

/* --- the lock ------------------------------------------------------------- */

static void
lock_name(char file[NAME_SIZE + 8], const char *name)
{
	snprintf(file, NAME_SIZE + 8, ".%s.lock", name);
}

static struct flock
whole_file(void)
{
	return (struct flock) { .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

static bool
still_named(int dirfd, const char *file, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 &&
	    fstatat(dirfd, file, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int
fetch_lock(int imagesfd, const char *name, struct diag *d)
{
	struct flock l = whole_file();
	char file[NAME_SIZE + 8];
	int fd;

	lock_name(file, name);
	for (int i = 0; i < LOCK_TRIES; i++) {
		fd = openat(imagesfd, file, O_RDWR | O_CREAT | O_NOFOLLOW |
		    O_CLOEXEC, 0664);
		if (fd == -1)
			return diag_errno(d, "cannot lock %s", file);
		if (fcntl(fd, F_OFD_SETLK, &l) == -1) {
			file_close(fd);
			if (errno == EACCES)
				errno = EAGAIN;
			return errno == EAGAIN ? diag_set(d, "%s is being "
			    "fetched by another program", name) :
			    diag_errno(d, "cannot lock %s", file);
		}
		if (still_named(imagesfd, file, fd))
			return fd;
		close(fd); /* its last holder has removed it */
	}
	errno = EAGAIN;
	return diag_set(d, "cannot lock %s: somebody keeps replacing it", file);
}

void
fetch_unlock(int imagesfd, const char *name, int fd)
{
	char file[NAME_SIZE + 8];

	lock_name(file, name);
	unlinkat(imagesfd, file, 0);
	close(fd);
}

bool
fetch_locked(int imagesfd, const char *name)
{
	struct flock l = whole_file();
	char file[NAME_SIZE + 8];
	bool locked;
	int fd;

	lock_name(file, name);
	fd = openat(imagesfd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1)
		return false;
	locked = fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
	close(fd);
	return locked;
}
