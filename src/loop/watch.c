/*
 * watch: a directory that is replaced by another is followed, and one that
 * cannot be watched (limits, network file systems) is left to the timer.
 */
#include <sys/inotify.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/watch.h"
#include "spool/name.h"

#define COMPLETE (IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB)
#define BEGUN (IN_CREATE | IN_DELETE | IN_MOVED_FROM)
#define SELF (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

static void
failed(struct watch *w, const char *what)
{
	if (!w->failing)
		log_warning("watch", "%s: %s; changes are seen at the next "
		    "rescan only", what, strerror(errno));
	w->failing = true;
}

static void
begin(struct watch *w)
{
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd == -1)
		failed(w, "cannot use inotify");
}

void
watch_open(struct watch *w)
{
	memset(w, 0, sizeof(*w));
	w->wd = -1;
	begin(w);
}

void
watch_close(struct watch *w)
{
	if (w->fd != -1)
		close(w->fd);
	w->fd = w->wd = -1;
}

static void
forget(struct watch *w)
{
	if (w->wd != -1)
		inotify_rm_watch(w->fd, w->wd);
	w->wd = -1;
}

void
watch_directory(struct watch *w, int dirfd, const char *path)
{
	struct stat st;
	char self[64];

	if (w->fd == -1)
		begin(w);
	if (w->fd == -1 || fstat(dirfd, &st) == -1)
		return;
	if (w->wd != -1 && w->dev == st.st_dev && w->ino == st.st_ino)
		return;
	forget(w);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", dirfd);
	w->wd = inotify_add_watch(w->fd, self, COMPLETE | BEGUN |
	    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
	if (w->wd == -1) {
		failed(w, path);
		return;
	}
	w->failing = false;
	w->dev = st.st_dev;
	w->ino = st.st_ino;
}

static bool
counts(const char *file)
{
	char name[NAME_SIZE];

	return name_from_file(name, file, ".ini") ||
	    name_from_file(name, file, ".kick");
}

static enum hint
judge(struct watch *w, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		return HINT_NOW;
	if (e->mask & SELF) {
		if (e->wd == w->wd && (e->mask & (IN_IGNORED | IN_MOVE_SELF)))
			forget(w);
		return HINT_SOON;
	}
	if (e->len == 0 || !counts(e->name))
		return HINT_NONE;
	return e->mask & COMPLETE ? HINT_NOW : HINT_SOON;
}

enum hint
watch_read(struct watch *w)
{
	char buf[16384]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	enum hint hint = HINT_NONE, h;
	const struct inotify_event *e;
	ssize_t n;

	while (w->fd != -1 && (n = read(w->fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;
		    p += sizeof(*e) + e->len) {
			e = (const struct inotify_event *)p;
			h = judge(w, e);
			if (h != HINT_NONE)
				hint = h; /* the last one decides */
		}
	}
	return hint;
}
