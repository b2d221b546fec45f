/* daemon: the start as a checklist, each step with its own error. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>
#include <bsd/unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "loop/daemon.h"
#include "loop/listen.h"
#include "loop/privilege.h"
#include "loop/server.h"
#include "spool/state.h"

/* What start-up has opened so far. */
struct start {
	const struct daemon_options *options;
	struct settings *settings;
	struct identity identity;
	struct daemon_options own; /* the options, and whether there are */
	struct passed passed;      /* sockets that were passed */
	int statefd, lockfd, spoolfd, parentfd;
	struct listeners *listeners;
	struct server *server;
};

/* What SIGHUP does. */
static struct settings *
load(void *arg, struct diag *d)
{
	struct settings *s = settings_load(arg, d);

	if (s == NULL || settings_secure(s, d) == 0)
		return s;
	settings_unref(s);
	return NULL;
}

/* First of all: they are known by their numbers. */
static int
step_passed(struct start *s, struct diag *d)
{
	if (passed_take(&s->passed, d) == -1)
		return -1;
	s->own = *s->options;
	s->own.passed = s->passed.count > 0;
	s->options = &s->own;
	return 0;
}

/* An option wins over the environment, which wins over the file. */
static int
place_data(struct start *s, struct diag *d)
{
	struct places *p = &s->own.places;

	for (size_t i = 0; i < s->own.count; i++)
		if (strcmp(s->own.overrides[i].name, "data-dir") == 0)
			strlcpy(p->data, s->own.overrides[i].value,
			    sizeof(p->data));
	return places_data(p, s->settings->config.data_dir, d);
}

static int
step_settings(struct start *s, struct diag *d)
{
	s->settings = settings_load(s->options, d);
	if (s->settings == NULL)
		return -1;
	log_open(s->settings->config.log == CONFIG_LOG_SYSLOG, "nbdmuxd");
	log_set_level(s->settings->config.log_level);
	return place_data(s, d);
}

static int
step_identity(struct start *s, struct diag *d)
{
	if (geteuid() == 0 && strcmp(s->settings->config.user, "root") == 0)
		log_warning("start", "running as root, as \"user\" says");
	return privilege_find(&s->identity, &s->settings->config, d);
}

/* Relative paths stay true, at the price of a directory that is in use. */
static int
leave_directory(const struct daemon_options *o, struct diag *d)
{
	if (o->places.conf[0] != '/' || o->places.spool[0] != '/' ||
	    o->places.state[0] != '/' || o->places.data[0] != '/')
		return 0;
	return chdir("/") == -1 ? diag_errno(d, "cannot change to /") : 0;
}

/* Whoever waits for the end of the output is not to wait for the daemon's. */
static void
leave_terminal(bool syslog)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		return;
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	if (syslog)
		dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* The parent waits until clients can connect, so that scripts need not. */
static int
step_background(struct start *s, struct diag *d)
{
	char ok = 1;
	int fds[2], status = 1;
	pid_t pid;

	if (!s->options->background)
		return 0;
	if (pipe2(fds, O_CLOEXEC) == -1 || (pid = fork()) == -1)
		return diag_errno(d, "cannot go to the background");
	if (pid > 0) {
		close(fds[1]);
		if (read(fds[0], &ok, 1) == 1)
			_exit(0);
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	close(fds[0]);
	s->parentfd = fds[1];
	setsid();
	return leave_directory(s->options, d);
}

static int
step_descriptors(struct start *s, struct diag *d)
{
	(void)s;
	(void)d;
	privilege_raise_descriptors();
	return 0;
}

static int
step_state(struct start *s, struct diag *d)
{
	const char *path = s->options->places.state;

	if (file_mkdirs(path, 0755, d) == -1)
		return -1;
	s->statefd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->statefd == -1)
		return diag_errno(d, "cannot open the state directory %s",
		    path);
	s->lockfd = state_lock(s->statefd, d);
	if (s->lockfd == -1)
		return diag_prefix(d, "%s", path);
	return 0;
}

/* Where its user may have put a link, what that leads to is not given away. */
static int
give_data(const char *path, const struct identity *id)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd == -1 && stat(path, &st) == 0 && st.st_uid == id->uid)
		return 0;
	if (fd == -1)
		return -1;
	rc = fchown(fd, id->uid, id->gid);
	file_close(fd);
	return rc;
}

/* Without it what happens is not recorded, but served is all the same. */
static int
step_data(struct start *s, struct diag *d)
{
	const struct identity *id = &s->identity;
	const char *path = s->options->places.data;

	if (file_mkdirs(path, 0775, d) == -1)
		log_warning("data", "%s", d->text);
	else if (id->change && give_data(path, id) == -1)
		log_warning("data", "cannot give %s to user \"%s\": %s", path,
		    id->user, strerror(errno));
	return 0;
}

static int
step_spool(struct start *s, struct diag *d)
{
	const char *path = s->options->places.spool;

	s->spoolfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->spoolfd == -1)
		return diag_errno(d, "cannot open the spool %s (make it with "
		    "\"install -d -m 2775 %s\", or name another with -s)",
		    path, path);
	return state_lock_spool(s->spoolfd, path, d);
}

static int
step_listen(struct start *s, struct diag *d)
{
	const struct config *c = &s->settings->config;
	struct sock_access access;

	if (privilege_sockets(&access, c, &s->identity, d) == -1)
		return -1;
	s->listeners = listeners_open(c->listen, &s->passed, &access, d);
	return s->listeners == NULL ? -1 : 0;
}

/* Its user, who had the directory before, may have put a link there. */
static int
own(int dirfd, const char *name, const struct identity *id)
{
	if (fchownat(dirfd, name, id->uid, id->gid, AT_EMPTY_PATH |
	    AT_SYMLINK_NOFOLLOW) == -1 && errno != ENOENT)
		return -1;
	return 0;
}

static int
step_privileges(struct start *s, struct diag *d)
{
	const struct identity *id = &s->identity;

	if (id->change && (own(s->statefd, "", id) == -1 ||
	    own(s->statefd, STATE_EXPORTS, id) == -1 ||
	    own(s->statefd, STATE_PID, id) == -1))
		return diag_errno(d, "cannot give %s to user \"%s\"",
		    s->options->places.state, id->user);
	return privilege_drop(id, d);
}

/* As who reads them again on SIGHUP. */
static int
step_tls(struct start *s, struct diag *d)
{
	return settings_secure(s->settings, d);
}

static int
step_server(struct start *s, struct diag *d)
{
	if (state_lock_pid(s->lockfd, (long)getpid()) == -1)
		return diag_errno(d, "cannot write %s/%s",
		    s->options->places.state, STATE_PID);
	s->server = server_new(&s->options->places, s->statefd, s->lockfd,
	    s->listeners, s->settings, d);
	if (s->server == NULL)
		return -1;
	s->server->spoolfd = s->spoolfd;
	s->server->reload = load;
	s->server->reload_arg = (void *)s->options;
	setproctitle("spool %s", s->options->places.spool);
	return 0;
}

static int (*const steps[])(struct start *, struct diag *) = {
	step_passed,
	step_settings,
	step_identity,
	step_background,
	step_descriptors,
	step_state,
	step_data,
	step_spool,
	step_listen,
	step_privileges,
	step_tls,
	step_server,
};

static void
ready(void *arg)
{
	struct start *s = arg;
	struct log_line l;
	struct buf b;

	buf_init(&b, 65536);
	listeners_text(s->listeners, &b);
	log_begin(&l, LEVEL_INFO, "ready");
	log_str(&l, "listen", b.data);
	log_str(&l, "spool", s->options->places.spool);
	log_str(&l, "state", s->options->places.state);
	log_str(&l, "data", s->options->places.data);
	log_end(&l);
	buf_free(&b);
	if (s->parentfd == -1)
		return;
	leave_terminal(s->settings->config.log == CONFIG_LOG_SYSLOG);
	if (file_write_all(s->parentfd, "", 1) == -1)
		log_warning("start", "nobody waits for the start");
	close(s->parentfd);
	s->parentfd = -1;
}

static void
close_all(struct start *s)
{
	server_free(s->server);
	listeners_free(s->listeners);
	passed_free(&s->passed);
	settings_unref(s->settings);
	if (s->spoolfd != -1)
		close(s->spoolfd);
	if (s->server != NULL)
		return; /* the others were the server's */
	if (s->lockfd != -1)
		close(s->lockfd);
	if (s->statefd != -1)
		close(s->statefd);
}

int
daemon_run(const struct daemon_options *o)
{
	struct start s = { .options = o, .statefd = -1, .lockfd = -1,
		.spoolfd = -1, .parentfd = -1 };
	struct diag d = { "" };
	int status = 1;
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i](&s, &d) == -1)
			break;
	if (i == sizeof(steps) / sizeof(steps[0]))
		status = server_run(s.server, ready, &s);
	else
		fprintf(stderr, "nbdmuxd: cannot start: %s\n", d.text);
	close_all(&s);
	return status;
}
