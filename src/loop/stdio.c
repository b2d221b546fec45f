/* stdio: the start, as a checklist like the daemon's. */
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/unistd.h>

#include "base/log.h"
#include "loop/privilege.h"
#include "loop/refusals.h"
#include "loop/stdiopriv.h"
#include "spool/view.h"

struct start {
	const struct daemon_options *options;
	struct stdio *stdio;
	bool shared; /* standard error is the client's, too */
};

/* A look at two descriptors: terminals and /dev/null may well be the same. */
static bool
same_channel(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	    sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino &&
	    !S_ISCHR(sa.st_mode);
}

static int
step_name(struct start *s, struct diag *d)
{
	return name_check(s->stdio->name, d);
}

static int
step_descriptors(struct start *s, struct diag *d)
{
	return stdio_open(s->stdio, d);
}

/* inetd makes all three descriptors the client's: the log goes elsewhere. */
static int
step_settings(struct start *s, struct diag *d)
{
	struct settings *st = settings_load(s->options, d);

	if (st == NULL)
		return -1;
	if (st->config.tls == CONFIG_TLS_REQUIRED) {
		settings_unref(st);
		return diag_set(d, "\"tls\" is required, and --stdio has no "
		    "TLS; encrypt what runs it (ssh does), and add --tls=on");
	}
	s->stdio->settings = st;
	log_open(s->shared || st->config.log == CONFIG_LOG_SYSLOG, "nbdmuxd");
	log_set_level(st->config.log_level);
	return 0;
}

static int
step_privileges(struct start *s, struct diag *d)
{
	struct identity id;

	if (privilege_find(&id, &s->stdio->settings->config, d) == -1)
		return -1;
	return privilege_drop(&id, d);
}

static int
step_registry(struct start *s, struct diag *d)
{
	const struct config *c = &s->stdio->settings->config;
	struct registry_options o = { .image_dirs = c->image_dirs };

	o.probe = c->probe && strcmp(s->stdio->name, "probe") == 0;
	s->stdio->registry = registry_new(&o, NULL, NULL, NULL, d);
	return s->stdio->registry == NULL ? -1 : 0;
}

/* Whether the registry serves it now; what is wrong otherwise. */
static int
served(const struct start *s, const struct changes *changes, struct diag *d)
{
	const char *spool = s->options->places.spool;
	const struct state_export *state;

	if (changes->count == 0)
		return diag_set(d, "there is no such export: %s/%s.ini does not "
		    "exist", spool, s->stdio->name);
	state = &changes->list[0].state;
	if (state->error != NULL)
		return diag_set(d, "in %s: %s", spool, state->error);
	if (state->tls == RECORD_TLS_REQUIRE)
		return diag_set(d, "%s.ini in %s says \"tls = require\", and "
		    "--stdio has no TLS; serve it with a daemon", s->stdio->name,
		    spool);
	return 0;
}

static int
step_export(struct start *s, struct diag *d)
{
	const char *path = s->options->places.spool;
	struct changes changes = { 0 };
	struct view *v = NULL;
	int rc = -1, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return diag_errno(d, "cannot open the spool %s", path);
	if (view_read_name(fd, s->stdio->name, &v, d) == 0 &&
	    registry_apply(s->stdio->registry, v, &changes, d) == 0)
		rc = served(s, &changes, d);
	close(fd);
	changes_free(&changes);
	view_free(v);
	return rc;
}

static int
step_session(struct start *s, struct diag *d)
{
	struct stdio *h = s->stdio;
	struct session_config sc = settings_session(h->settings);

	sc.peer = &h->peer;
	sc.pool = &h->pool;
	sc.default_export = h->name;
	sc.send_files = false; /* all that it sends is in memory */
	sc.tls = SESSION_TLS_OFF;
	h->refusals = refusals_new(d);
	if (h->refusals == NULL)
		return -1;
	h->budget.limit = h->settings->config.max_memory;
	h->session = session_new(&stdio_host, h, &sc);
	if (h->session == NULL)
		return diag_errno(d, "cannot begin");
	setproctitle("stdio %s", h->name);
	return 0;
}

static int (*const steps[])(struct start *, struct diag *) = {
	step_descriptors,
	step_name,
	step_settings,
	step_privileges,
	step_registry,
	step_export,
	step_session,
};

static void
failed(const struct start *s, const struct diag *d)
{
	if (!s->shared) {
		fprintf(stderr, "nbdmuxd: cannot serve \"%s\" on standard "
		    "input and output: %s\n", s->stdio->name, d->text);
		return;
	}
	log_open(true, "nbdmuxd");
	log_error("start", "cannot serve \"%s\" on standard input and output: "
	    "%s", s->stdio->name, d->text);
}

static void
stdio_free(struct stdio *h)
{
	session_free(h->session);
	registry_free(h->registry);
	refusals_free(h->refusals);
	pool_free(&h->pool);
	settings_unref(h->settings);
	if (h->signals != -1)
		close(h->signals);
	if (h->out > STDERR_FILENO)
		close(h->out);
	free(h);
}

int
stdio_run(const struct daemon_options *o, const char *name)
{
	struct start s = { .options = o };
	struct diag d = { "" };
	size_t i, count = sizeof(steps) / sizeof(steps[0]);

	s.shared = same_channel(STDERR_FILENO, STDOUT_FILENO) ||
	    same_channel(STDERR_FILENO, STDIN_FILENO);
	s.stdio = calloc(1, sizeof(*s.stdio));
	if (s.stdio == NULL)
		return 1;
	s.stdio->name = name;
	s.stdio->signals = -1;
	s.stdio->work_tail = &s.stdio->work;
	pool_init(&s.stdio->pool, &s.stdio->budget);
	for (i = 0; i < count; i++)
		if (steps[i](&s, &d) == -1)
			break;
	if (i == count)
		stdio_serve(s.stdio);
	else
		failed(&s, &d);
	stdio_free(s.stdio);
	return i == count ? 0 : 1;
}
