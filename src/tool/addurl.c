/*
 * addurl: add's part for what is to be fetched.  The daemon's child does it,
 * and goes on when we are interrupted; without a daemon nbdmux-fetch does it
 * here and now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "spool/config.h"
#include "spool/fetch.h"
#include "spool/fetched.h"
#include "tool/addpriv.h"
#include "tool/progress.h"
#include "tool/runfetch.h"

int
add_keep_image(struct adding *a, struct diag *d)
{
	const struct entry *e = &a->sub.entry;
	struct record old = { 0 };
	int rc = 0;

	if (a->add->record.source == NULL || !e->existed ||
	    e->old.data == NULL || record_parse(&old, e->old.data, e->old.len,
	    e->file, NULL) != 0)
		return 0;
	if (old.image != NULL) {
		a->add->record.image = strdup(old.image);
		if (a->add->record.image == NULL)
			rc = diag_errno(d, "cannot keep its image");
	}
	record_clear(&old);
	return rc;
}

/* 1 when there is one about our version of the entry. */
static int
read_fetch(const struct adding *a, struct fetch *f)
{
	int fd, found = 0;

	memset(f, 0, sizeof(*f));
	if (a->sub.server.statefd == -1)
		return 0;
	fd = fetch_open(a->sub.server.statefd, false, NULL);
	if (fd == -1)
		return 0;
	found = fetch_read(fd, a->add->name, f, NULL) == 1 &&
	    fetch_answers(f, &a->sub.entry.stamp);
	close(fd);
	return found;
}

bool
add_fetch_failed(const struct adding *a)
{
	struct fetch f;
	bool failed;

	if (a->add->record.source == NULL)
		return false;
	failed = read_fetch(a, &f) == 1 && f.status == STATUS_FAILED;
	fetch_clear(&f);
	return failed;
}

/* --- following ------------------------------------------------------------ */

/*
 * The entry is not ours any more, and asks for something else.  One that asks
 * for the same, as nbdmux-fetch writes it with the image, is as good as ours.
 */
static bool
replaced(struct adding *a)
{
	struct record now = { 0 };
	struct entry e;
	bool other = true;

	if (entry_current(&a->sub.entry))
		return false;
	if (entry_open(&e, a->tool, a->add->name, NULL) == 0 && e.existed &&
	    record_parse(&now, e.old.len > 0 ? e.old.data : "", e.old.len,
	    e.file, NULL) == 0)
		other = !record_fetches_same(&now, &a->add->record);
	if (!other)
		a->sub.entry.stamp = e.stamp;
	entry_close(&e);
	record_clear(&now);
	return other;
}

static int
failed(struct adding *a, const struct fetch *f)
{
	char when[32], then[80] = "";

	if (f->retry != 0)
		snprintf(then, sizeof(then), "; the daemon tries again at %s",
		    text_time(when, sizeof(when), (long long)f->retry));
	diag_set(&a->error, "cannot fetch %s: %s%s", a->add->name,
	    f->error != NULL ? f->error : "nobody knows why", then);
	return add_trouble(a, TOOL_FAILED, a->word);
}

static int
queued(struct adding *a, const char *why)
{
	tool_say(a->tool, "%s is queued%s%s", a->add->name,
	    why != NULL ? ": " : "", why != NULL ? why : "");
	add_report(a, a->sub.state.generation != 0);
	return TOOL_OK;
}

/* warning: what is wrong although it is served, or NULL. */
static int
done(struct adding *a, const char *warning)
{
	if (warning != NULL)
		tool_say(a->tool, "%s", warning);
	state_export_clear(&a->sub.state);
	if (a->sub.server.exportsfd != -1)
		state_read_export(a->sub.server.exportsfd, a->add->name,
		    &a->sub.state, NULL);
	add_report(a, a->sub.state.generation != 0);
	return TOOL_OK;
}

/* -1: not settled yet; else the exit status. */
static int
look(struct adding *a, struct progress *p)
{
	int status = -1;
	struct fetch f;

	server_close(&a->sub.server);
	if (server_open(&a->sub.server, a->tool, NULL) != 0)
		return -1;
	if (a->sub.server.pid == 0) {
		progress_end(p);
		diag_set(&a->error, "nbdmuxd has ended; it goes on with %s "
		    "when it is started", a->add->name);
		return add_trouble(a, TOOL_FAILED, a->word);
	}
	if (read_fetch(a, &f) == 1) {
		if (f.status == STATUS_READY || f.status == STATUS_FAILED ||
		    f.error != NULL)
			progress_end(p);
		else
			progress_show(p, a->add->name, &f);
		if (f.status == STATUS_READY)
			status = done(a, f.error);
		else if (f.status == STATUS_FAILED)
			status = failed(a, &f);
		else if (f.error != NULL)
			status = queued(a, f.error);
	} else if (replaced(a)) {
		progress_end(p);
		diag_set(&a->error, "somebody else changed %s meanwhile; what "
		    "they wrote stays", a->sub.entry.file);
		status = add_trouble(a, TOOL_FAILED, a->word);
	}
	fetch_clear(&f);
	return status;
}

static int
follow(struct adding *a)
{
	struct progress p;
	int status;

	progress_begin(&p, stderr);
	await_limit(&a->sub.await, -1);
	while ((status = look(a, &p)) == -1) {
		if (await_next(&a->sub.await) != AWAIT_SIGNAL)
			continue;
		progress_end(&p);
		tool_say(a->tool, "interrupted; the daemon goes on fetching "
		    "%s, and nbdmux-ls shows how far it is", a->add->name);
		return TOOL_FAILED;
	}
	progress_end(&p);
	return status;
}

/* --- without a daemon ----------------------------------------------------- */

static int
fetch_here(struct adding *a)
{
	static const char *const none[] = { NULL };
	int status = runfetch(a->tool, none, a->add->name,
	    &a->sub.await.signals.old, NULL, &a->error);

	if (status == -1)
		return add_trouble(a, TOOL_FAILED, a->word);
	if (status != TOOL_OK) {
		diag_set(&a->error, "%s is not fetched; the entry stays in the "
		    "spool", a->add->name);
		return add_trouble(a, TOOL_FAILED, a->word);
	}
	tool_say(a->tool, "no daemon runs; %s will be served when nbdmuxd is "
	    "started", a->add->name);
	add_report(a, false);
	return TOOL_OK;
}

/* --- all of it ------------------------------------------------------------ */

int
add_follow(struct adding *a, enum answer answer)
{
	char dir[PATH_MAX];

	if (config_data(&a->tool->places, &a->error) != 0)
		return add_trouble(a, TOOL_FAILED, a->word);
	fetched_dir(&a->tool->places, dir);
	if (!fetched_wanted(&a->add->record, a->add->name, dir) &&
	    answer == ANSWER_READY)
		return done(a, NULL);
	if (answer == ANSWER_DOWN && a->add->no_wait) {
		tool_say(a->tool, "no daemon runs; %s will be fetched when "
		    "nbdmuxd is started", a->add->name);
		add_report(a, false);
		return TOOL_OK;
	}
	if (answer == ANSWER_DOWN)
		return fetch_here(a);
	return a->add->no_wait ? queued(a, NULL) : follow(a);
}
