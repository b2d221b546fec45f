/* publisher: changes of the registry to files, and to the log. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "base/log.h"
#include "loop/chronicle.h"
#include "loop/listen.h"
#include "loop/publisher.h"
#include "loop/server.h"
#include "spool/publish.h"
#include "spool/state.h"

#define KICK_MAX_AGE 60 /* seconds; its tool died if it is older */

static int
open_exports(struct publisher *p, struct diag *d)
{
	int statefd = p->server->statefd;
	struct stat st;

	if (mkdirat(statefd, STATE_EXPORTS, 0755) == -1 && errno != EEXIST)
		return diag_errno(d, "cannot make %s/%s",
		    p->server->places->state, STATE_EXPORTS);
	p->exportsfd = openat(statefd, STATE_EXPORTS, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	if (p->exportsfd == -1 || fstat(statefd, &st) == -1)
		return diag_errno(d, "cannot open %s/%s",
		    p->server->places->state, STATE_EXPORTS);
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	return 0;
}

int
publisher_open(struct publisher *p, struct server *server, struct diag *d)
{
	memset(p, 0, sizeof(*p));
	p->server = server;
	p->started = (uint64_t)time(NULL);
	return open_exports(p, d);
}

void
publisher_close(struct publisher *p)
{
	if (p->exportsfd > 0)
		close(p->exportsfd);
	p->exportsfd = -1;
	free(p->trouble);
	p->trouble = NULL;
}

static void
failed(struct publisher *p, const struct diag *d)
{
	if (!p->behind)
		log_error("state", "%s; tried again at every look", d->text);
	p->behind = true;
}

static void
write_daemon(struct publisher *p)
{
	struct settings *st = server_settings(p->server);
	struct state_daemon s = { 0 };
	char spool[4096];
	struct buf b;
	struct diag d;

	buf_init(&b, 8192);
	listeners_text(p->server->listeners, &b);
	s.format = STATE_FORMAT;
	s.pid = (uint64_t)getpid();
	s.started = p->started;
	s.version = (char *)NBDMUX_VERSION;
	s.spool = realpath(p->server->places->spool, spool) != NULL ? spool :
	    (char *)p->server->places->spool;
	s.listen = b.data;
	s.tls = st->config.tls;
	s.error = p->trouble;
	if (state_write_daemon(p->server->statefd, &s, &d) == -1)
		failed(p, &d);
	settings_unref(st);
	buf_free(&b);
}

void
publisher_trouble(struct publisher *p, const char *text)
{
	if (text != NULL && p->trouble != NULL && strcmp(text, p->trouble) == 0)
		return;
	free(p->trouble);
	p->trouble = text != NULL ? strdup(text) : NULL;
	write_daemon(p); /* leaves an equal file alone */
}

/* Is the directory, with all that the daemon holds open in it, still there? */
static bool
all_there(const struct publisher *p)
{
	int statefd = p->server->statefd;
	struct stat st, exports;

	if (stat(p->server->places->state, &st) == -1 ||
	    st.st_dev != p->dev || st.st_ino != p->ino)
		return false;
	if (fstat(p->exportsfd, &exports) == -1 ||
	    fstatat(statefd, STATE_EXPORTS, &st, 0) == -1 ||
	    st.st_dev != exports.st_dev || st.st_ino != exports.st_ino)
		return false;
	return faccessat(statefd, STATE_PID, F_OK, 0) == 0 &&
	    faccessat(statefd, STATE_STATS, F_OK, 0) == 0;
}

/*
 * A new directory: the lock of the process id, the counters and all states
 * move there.
 */
static int
make_again(struct publisher *p, struct diag *d)
{
	if (server_remake_state(p->server, d) == -1)
		return -1;
	close(p->exportsfd);
	p->exportsfd = -1;
	return open_exports(p, d);
}

void
publisher_check(struct publisher *p)
{
	struct diag d;

	if (!all_there(p)) {
		if (!p->behind)
			log_error("state", "%s was removed; making it again",
			    p->server->places->state);
		if (make_again(p, &d) == -1) {
			failed(p, &d);
			return;
		}
		p->behind = true;
	}
	if (!p->behind)
		return;
	p->behind = false;
	write_daemon(p);
	registry_republish(p->server->registry);
}

static void
log_change(const struct change *c)
{
	static const char *const words[] = {
		[CHANGE_ADDED] = "added",
		[CHANGE_CHANGED] = "changed",
		[CHANGE_REMOVED] = "removed",
		[CHANGE_GONE] = "gone",
		[CHANGE_SAME] = "same",
	};
	bool bad = c->kind != CHANGE_GONE && c->state.error != NULL;
	struct log_line l;

	log_begin(&l, bad ? LEVEL_ERROR : c->kind == CHANGE_SAME ||
	    c->kind == CHANGE_GONE ? LEVEL_DEBUG : LEVEL_INFO, "export");
	log_str(&l, "name", c->name);
	log_str(&l, "change", words[c->kind]);
	if (c->kind != CHANGE_GONE) {
		log_str(&l, "status", status_names[c->state.status]);
		log_num(&l, "generation", c->state.generation);
		log_num(&l, "size", c->state.size);
		if (c->state.image != NULL)
			log_str(&l, "image", c->state.image);
	}
	if (bad)
		log_str(&l, "error", c->state.error);
	log_end(&l);
}

static void
remove_state(struct publisher *p, const char *name)
{
	char file[NAME_FILE_SIZE];
	struct diag d;

	name_to_file(file, name);
	if (publish_remove(p->exportsfd, file, &d) == -1 && errno != ENOENT)
		failed(p, &d);
}

static void
publish_one(struct publisher *p, const struct change *c)
{
	struct diag d;

	log_change(c);
	if (c->kind == CHANGE_GONE)
		remove_state(p, c->name);
	else if (state_write_export(p->exportsfd, c->name, &c->state, &d) ==
	    -1)
		failed(p, &d);
}

static bool
in_catalog(const struct catalog *cat, const char *name)
{
	size_t low = 0, high = cat->count, mid;
	int order;

	while (low < high) {
		mid = low + (high - low) / 2;
		order = strcmp(name, cat->entries[mid].name);
		if (order == 0)
			return true;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

/* States of exports that an earlier daemon served and this one does not. */
static void
sweep(struct publisher *p)
{
	struct catalog *cat = registry_catalog(p->server->registry);
	char(*names)[NAME_SIZE] = NULL;
	size_t count = 0;
	struct diag d;

	if (cat == NULL)
		return;
	if (state_list(p->exportsfd, &names, &count, &d) == -1)
		failed(p, &d);
	for (size_t i = 0; i < count; i++)
		if (!in_catalog(cat, names[i]))
			remove_state(p, names[i]);
	free(names);
	catalog_unref(cat);
	publish_sweep(p->exportsfd, 0);
	p->swept = true;
}

void
publisher_publish(struct publisher *p, const struct changes *changes)
{
	struct recorder *r = p->server->recorder;

	for (size_t i = 0; i < changes->count; i++) {
		publish_one(p, &changes->list[i]);
		if (p->swept)
			chronicle_change(r, &changes->list[i]);
	}
	if (p->swept)
		return;
	chronicle_started(r, changes);
	sweep(p);
}

static bool
kick_is_over(struct publisher *p, int spoolfd, const char *file,
    const char *name, const struct view *v)
{
	char state[NAME_FILE_SIZE];
	struct stat st;

	name_to_file(state, name);
	if (view_find(v, name) == NULL &&
	    faccessat(p->exportsfd, state, F_OK, 0) == -1)
		return true;
	return fstatat(spoolfd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    time(NULL) - st.st_mtime > KICK_MAX_AGE;
}

void
publisher_unkick(struct publisher *p, int spoolfd, const struct view *v)
{
	char file[NAME_FILE_SIZE + 1];

	for (size_t i = 0; i < v->nkick; i++) {
		snprintf(file, sizeof(file), "%s.kick", v->kick[i]);
		if (kick_is_over(p, spoolfd, file, v->kick[i], v))
			unlinkat(spoolfd, file, 0);
	}
}
