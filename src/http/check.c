/* check: a list of questions, each with a line for an answer. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/events.h"
#include "http/check.h"
#include "http/handshake.h"

#define LIMIT_MS 1000

/* d says what is wrong, or what was found. */
struct question {
	const char *what;
	int (*ask)(struct http *h, struct diag *d); /* 0; 1: a warning; -1 */
};

static int
ask_configuration(struct http *h, struct diag *d)
{
	if (!h->configured) {
		*d = h->config_error;
		return -1;
	}
	diag_set(d, "%s", h->tool.places.conf);
	return 0;
}

static int
ask_spool(struct http *h, struct diag *d)
{
	if (tool_open_spool(&h->tool, true, d) != 0)
		return -1;
	tool_close(&h->tool);
	diag_set(d, "%s can be written", h->tool.places.spool);
	return 0;
}

static int
ask_daemon(struct http *h, struct diag *d)
{
	struct server s;
	int rc = -1;

	if (server_open(&s, &h->tool, d) != 0)
		return -1;
	if (s.pid == 0)
		diag_set(d, "no nbdmuxd runs with the state directory %s",
		    h->tool.places.state);
	else if (handshake_try(s.state.listen, LIMIT_MS, d) == 0) {
		diag_set(d, "pid %ld answers at %s", s.pid, s.state.listen);
		rc = 0;
	}
	server_close(&s);
	return rc;
}

static int
ask_data(struct http *h, struct diag *d)
{
	struct events f;
	int rc;

	if (access(h->tool.places.data, R_OK | X_OK) != 0)
		return diag_errno(d, "cannot read %s", h->tool.places.data);
	events_init(&f, h->tool.places.data);
	rc = events_open(&f, d);
	events_close(&f);
	if (rc == 0)
		diag_set(d, "%s: events can be recorded",
		    h->tool.places.data);
	return rc;
}

/* It is left to the first request to make it: we may be somebody else. */
static int
ask_http(struct http *h, struct diag *d)
{
	if (access(h->auth.dir, F_OK) != 0 && errno == ENOENT &&
	    access(h->tool.places.data, W_OK | X_OK) == 0) {
		diag_set(d, "%s will be made by the first request that needs "
		    "it", h->auth.dir);
		return 0;
	}
	if (auth_key_check(&h->auth, d) != 0)
		return -1;
	if (access(h->auth.dir, W_OK | X_OK) != 0)
		return diag_errno(d, "cannot write in %s, where failed logins "
		    "are counted", h->auth.dir);
	diag_set(d, "%s has the session secret", h->auth.dir);
	return 0;
}

static int
ask_artifacts(struct http *h, struct diag *d)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/" DATA_ARTIFACTS,
	    h->tool.places.data);
	if (access(path, R_OK | X_OK) == 0 || errno == ENOENT) {
		diag_set(d, "%s", path);
		return 0;
	}
	return diag_errno(d, "cannot read %s", path);
}

static int
ask_password(struct http *h, struct diag *d)
{
	if (h->auth.open) {
		diag_set(d, "none is set: whoever reaches the web server may "
		    "change exports; set admin-password-file in %s",
		    h->tool.places.conf);
		return 1;
	}
	if (h->auth.password == NULL) {
		*d = h->auth.error;
		return -1;
	}
	diag_set(d, "is set");
	return 0;
}

static const struct question questions[] = {
	{ "configuration", ask_configuration },
	{ "spool", ask_spool },
	{ "daemon", ask_daemon },
	{ "data directory", ask_data },
	{ "http directory", ask_http },
	{ "artifacts", ask_artifacts },
	{ "admin password", ask_password },
};

/* --- as whom -------------------------------------------------------------- */

static int
become(struct http *h, const char *user)
{
	const struct passwd *pw;

	if (geteuid() != 0)
		return 0;
	if ((pw = getpwnam(user)) == NULL)
		return tool_fail(&h->tool, -1, "there is no user %s; name the "
		    "web server's with --user", user);
	if (initgroups(user, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 ||
	    setuid(pw->pw_uid) != 0)
		return tool_fail(&h->tool, -1, "cannot become %s: %s", user,
		    strerror(errno));
	return 0;
}

int
check_run(struct http *h, const char *user)
{
	static const char *const words[] = { "MISSING", "ok", "WARNING" };
	const struct passwd *pw;
	int status = TOOL_OK;

	if (become(h, user) != 0)
		return TOOL_FAILED;
	pw = getpwuid(geteuid());
	printf("ok       user: checked as %s\n", pw != NULL ? pw->pw_name :
	    "a user without a name");
	/* The files of the password and of the configuration are its, too. */
	http_free(h);
	if (http_init(h) != 0)
		return tool_fail(&h->tool, TOOL_FAILED, "out of memory");
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		struct diag d = { "" };
		int rc = questions[i].ask(h, &d);

		printf("%-8s %s: %s\n", words[rc + 1], questions[i].what,
		    d.text);
		if (rc == -1)
			status = TOOL_FAILED;
	}
	return status;
}
