/*
 * reload: what changes while the daemon runs: its configuration, and the
 * state directory when somebody removed it.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "loop/chronicle.h"
#include "loop/server.h"
#include "spool/state.h"

/* A key's value in its written form; "" where it is not set. */
static const char *
value(struct buf *b, const struct key *k, const struct config *c)
{
	buf_reset(b);
	if (keys_value(k, c, b) != 0 || buf_add(b, "", 1) != 0)
		return "";
	return b->data;
}

/* Would the value that a key has now take a restart? */
static bool
waits(const struct server *s, const struct key *k, const char *now)
{
	struct buf b;
	bool other;

	if (!(k->flags & KEY_RESTART))
		return false;
	buf_init(&b, 65536);
	other = strcmp(value(&b, k, &s->started->config), now) != 0;
	buf_free(&b);
	return other;
}

/* Tell of what changes, and of what would with a restart. */
static void
compare(struct server *s, const struct config *old, const struct config *new)
{
	struct buf a, b;

	buf_init(&a, 65536);
	buf_init(&b, 65536);
	for (const struct key *k = config_keys; k->name != NULL; k++) {
		const char *from = value(&a, k, old), *to = value(&b, k, new);
		bool restart;

		if (strcmp(from, to) == 0)
			continue;
		restart = waits(s, k, to);
		if (restart)
			log_warning("reload", "the change of \"%s\" takes a "
			    "restart; the old value stays", k->name);
		chronicle_setting(s->recorder, &(struct setting_change) {
		    k->name, from, to, restart });
	}
	buf_free(&a);
	buf_free(&b);
}

static void
put(struct server *s, struct settings *new)
{
	struct settings *old;

	pthread_mutex_lock(&s->lock);
	old = s->settings;
	s->settings = new;
	pthread_mutex_unlock(&s->lock);
	compare(s, &old->config, &new->config);
	settings_unref(old);
}

void
server_reload(struct server *s)
{
	struct registry_options o;
	struct settings *new;
	enum log_level level;
	struct diag d;

	if (s->reload == NULL)
		return;
	new = s->reload(s->reload_arg, &d);
	if (new == NULL) {
		log_error("reload", "%s; the old configuration stays", d.text);
		return;
	}
	o = settings_registry(new);
	if (registry_configure(s->registry, &o, &d) == -1) {
		log_error("reload", "%s; the old configuration stays", d.text);
		settings_unref(new);
		return;
	}
	level = new->config.log_level;
	put(s, new);
	log_set_level(level);
	log_info("reload", "the configuration was read again");
}

static int
open_state(const char *path, struct diag *d)
{
	int fd;

	if (file_mkdirs(path, 0755, d) == -1)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		diag_errno(d, "cannot open %s", path);
	return fd;
}

/* Descriptors keep their numbers: other threads may be using them. */
static int
replace(int fd, int by, const char *path, struct diag *d)
{
	int rc = dup3(by, fd, O_CLOEXEC);

	if (rc == -1)
		diag_errno(d, "cannot open %s", path);
	close(by);
	return rc == -1 ? -1 : 0;
}

static bool
same_file(int fd, int dirfd, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dirfd, name, &b, 0) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The lock of the process id; it is ours already when only others are lost. */
static int
lock_again(struct server *s, int fd, struct diag *d)
{
	const char *path = s->places->state;
	int lock;

	if (same_file(s->lockfd, fd, STATE_PID))
		return 0;
	lock = state_lock(fd, d);
	if (lock == -1 || replace(s->lockfd, lock, path, d) == -1)
		return -1;
	if (state_lock_pid(s->lockfd, getpid()) == -1)
		return diag_errno(d, "cannot write %s/%s", path, STATE_PID);
	return 0;
}

int
server_remake_state(struct server *s, struct diag *d)
{
	const char *path = s->places->state;
	int fd = open_state(path, d);
	bool moved;

	if (fd == -1)
		return -1;
	moved = !same_file(s->statefd, fd, ".") ||
	    faccessat(fd, STATE_STATS, F_OK, 0) == -1;
	if (lock_again(s, fd, d) == 0 &&
	    (!moved || stats_move(s->stats, fd, d) == 0))
		return replace(s->statefd, fd, path, d);
	close(fd);
	return -1;
}
