/* run: who we are, where things are, and the list of names. */
#include <sys/prctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fetch/job.h"
#include "fetch/run.h"
#include "spool/config.h"
#include "spool/fetch.h"
#include "spool/fetched.h"
#include "spool/url.h"
#include "spool/view.h"
#include "tool/given.h"

#define CACHE_ENV "NBDMUX_WITHCACHE_URL"

static volatile sig_atomic_t stop;

static void
on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* Twice is enough: the second one ends it. */
static void
catch_signals(bool job)
{
	struct sigaction sa = { .sa_handler = on_signal,
		.sa_flags = (int)(SA_RESETHAND | SA_RESTART) };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* The next daemon goes on with it. */
	if (job)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* --- places and user ------------------------------------------------------ */

static int
make_dir(const char *path, const struct stat *owner, mode_t mode,
    struct diag *d)
{
	struct stat st;

	if (file_mkdirs(path, 0755, d) == -1)
		return -1;
	if (geteuid() == 0 && stat(path, &st) == 0 &&
	    st.st_uid != owner->st_uid &&
	    chown(path, owner->st_uid, owner->st_gid) == -1)
		return diag_errno(d, "cannot give %s to its user", path);
	/* Not by the umask: who may change the spool may remove images. */
	if (mode != 0 && stat(path, &st) == 0 && st.st_uid == geteuid())
		chmod(path, mode);
	return 0;
}

/*
 * What comes from servers is no business of root's, and what it leaves behind
 * is to be the daemon's: whoever owns the data directory does it.
 */
static int
become(const struct stat *owner, struct diag *d)
{
	const struct passwd *pw;

	if (geteuid() != 0 || owner->st_uid == 0)
		return 0;
	pw = getpwuid(owner->st_uid);
	if ((pw != NULL ? initgroups(pw->pw_name, owner->st_gid) :
	    setgroups(0, NULL)) == -1 ||
	    setresgid(owner->st_gid, owner->st_gid, owner->st_gid) == -1 ||
	    setresuid(owner->st_uid, owner->st_uid, owner->st_uid) == -1)
		return diag_errno(d, "cannot become the user of the data "
		    "directory");
	return 0;
}

static int
prepare(struct tool *t, struct diag *d)
{
	char path[PATH_MAX + 16];
	struct stat owner;

	if (config_data(&t->places, d) == -1 ||
	    file_mkdirs(t->places.data, 0775, d) == -1)
		return -1;
	if (stat(t->places.data, &owner) == -1)
		return diag_errno(d, "cannot look at %s", t->places.data);
	snprintf(path, sizeof(path), "%s/%s", t->places.state, STATE_FETCH);
	if (make_dir(path, &owner, 0, d) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s/%s", t->places.data, DATA_IMAGES);
	if (make_dir(path, &owner, geteuid() == 0 ? 0 : 02775, d) == -1 ||
	    become(&owner, d) == -1)
		return -1;
	return tool_open_spool(t, true, d);
}

/* --- the list ------------------------------------------------------------- */

/* All that have a source, or what was named. */
static int
list_names(struct tool *t, const struct run *r, struct given *g,
    struct diag *d)
{
	struct view *v = NULL;
	char **names;
	size_t n = 0;
	int rc;

	if (r->count > 0)
		return given_take(g, r->names, r->count, d);
	if (view_read(t->spoolfd, NULL, &v, d) == -1)
		return -1;
	names = calloc(v->count + 1, sizeof(*names));
	for (size_t i = 0; names != NULL && i < v->count; i++)
		if (!v->entries[i]->bad && v->entries[i]->record.source !=
		    NULL)
			names[n++] = v->entries[i]->name;
	rc = names != NULL ? given_take(g, names, n, d) : diag_errno(d,
	    "cannot list the exports");
	free(names);
	view_free(v);
	return rc;
}

static void
say(const struct run *r, const char *name, enum job_word word)
{
	if (r->job || word == JOB_FAILED_WORD ||
	    (r->quiet && word == JOB_UNCHANGED))
		return;
	printf("%s %s\n", word == JOB_FETCHED ? "fetched" : "unchanged", name);
	fflush(stdout);
}

static int
fetch_all(struct tool *t, const struct run *r, const struct given *g,
    const char *cache)
{
	struct job_options o = { .cache = cache, .refresh = r->refresh,
		.quiet = r->quiet || r->job, .silent = r->job, .tries = r->tries,
		.stall = r->stall, .stop = &stop };
	int worst = TOOL_OK;

	for (size_t i = 0; i < g->count && !stop; i++) {
		enum job_word word;
		int status = job_run(t, g->list[i], &o, &word);

		say(r, g->list[i], word);
		if (status != TOOL_OK && (worst == TOOL_OK ||
		    status == TOOL_FAILED))
			worst = status;
	}
	return worst;
}

/* The environment's, else the configuration's; to be freed. */
static int
find_cache(const struct tool *t, char **cache, struct diag *d)
{
	const char *env = getenv(CACHE_ENV);
	struct config c;
	int rc = 0;

	*cache = NULL;
	if (env != NULL && env[0] != '\0') {
		if (url_check(env, d) == -1)
			return diag_prefix(d, CACHE_ENV);
		*cache = strdup(env);
		return 0;
	}
	config_init(&c);
	rc = config_read(&c, t->places.conf, t->places.conf_given, d);
	if (rc == 0 && c.fetch_cache != NULL)
		*cache = strdup(c.fetch_cache);
	config_clear(&c);
	return rc;
}

int
run_fetches(struct tool *t, const struct run *r)
{
	struct given g = { 0 };
	char *cache = NULL;
	struct diag d;
	int status;

	catch_signals(r->job);
	if (find_cache(t, &cache, &d) == -1 || prepare(t, &d) == -1 ||
	    list_names(t, r, &g, &d) == -1)
		status = tool_fail(t, TOOL_FAILED, "cannot fetch: %s", d.text);
	else
		status = fetch_all(t, r, &g, cache);
	given_drop(&g);
	free(cache);
	return status;
}
