/* run: signals, the list of names, and what becomes of each. */
#include <sys/prctl.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "fetch/give.h"
#include "fetch/job.h"
#include "fetch/run.h"
#include "fetch/stage.h"
#include "spool/view.h"
#include "tool/given.h"

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
    const struct settings_fetch *s)
{
	struct job_catalog catalog = { 0 };
	struct job_options o = { .cache = s->cache, .from = s->from,
		.catalog = &catalog, .refresh = r->refresh,
		.quiet = r->quiet || r->job, .silent = r->job,
		.tries = r->tries, .stall = r->stall, .stop = &stop };
	int worst = TOOL_OK;

	for (size_t i = 0; i < g->count && !stop; i++) {
		enum job_word word;
		int status = job_run(t, g->list[i], &o, &word);

		say(r, g->list[i], word);
		if (status != TOOL_OK && (worst == TOOL_OK ||
		    status == TOOL_FAILED))
			worst = status;
	}
	catalog_free(catalog.catalog);
	return worst;
}

static int
fetch(struct tool *t, const struct run *r, const struct settings_fetch *s)
{
	struct given g = { 0 };
	struct diag d;
	int status;

	if (stage_prepare(t, true, &d) == -1 || list_names(t, r, &g, &d) == -1)
		status = tool_fail(t, TOOL_FAILED, "cannot fetch: %s", d.text);
	else
		status = fetch_all(t, r, &g, s);
	given_drop(&g);
	return status;
}

int
run_fetches(struct tool *t, const struct run *r)
{
	struct give give = { .name = r->names[0], .file = r->netboot,
		.check = r->check, .quiet = r->quiet, .stop = &stop };
	struct settings_fetch s;
	struct diag d;
	int status;

	catch_signals(r->job);
	if (stage_settings(t, &s, &d) == -1)
		return tool_fail(t, TOOL_FAILED, "cannot fetch: %s", d.text);
	if (r->netboot != NULL)
		status = give_run(t, &give, &s);
	else
		status = fetch(t, r, &s);
	stage_clear(&s);
	return status;
}
