/* add: look at the image, write the entry, hear the daemon, report. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spool/config.h"
#include "spool/publish.h"
#include "spool/state.h"
#include "spool/url.h"
#include "tool/addpriv.h"
#include "tool/source.h"
#include "tool/tell.h"

#define SWEEP_AGE 600 /* s; no writer takes that long between two steps */

/* --- what follows from the answer ----------------------------------------- */

static int
refused(struct adding *a)
{
	const char *then = "the spool is as it was";
	struct diag why;

	switch (a->word[0] == 'u' ? 1 : entry_restore(&a->sub.entry, &why)) {
	case 1:
		break;
	case 0:
		then = "somebody else has changed it meanwhile, which stays";
		break;
	default:
		tool_say(a->tool, "cannot put the spool back as it was: %s",
		    why.text);
		then = "and the spool could not be put back";
	}
	diag_set(&a->error, "the daemon refuses %s: %s; %s", a->add->name,
	    a->sub.state.error != NULL ? a->sub.state.error : "it gives no reason",
	    then);
	return add_trouble(a, TOOL_REFUSED, "refused");
}

static int
late(struct adding *a)
{
	struct diag doubt;

	server_doubt(&a->sub.server, &doubt);
	diag_set(&a->error, "the daemon (pid %ld) has not answered within %g s"
	    "%s; %s stays in the spool, and nbdmux-ls shows what comes of it",
	    a->sub.server.pid, a->add->timeout, doubt.text, a->sub.entry.file);
	return add_trouble(a, TOOL_TIMEOUT, a->word);
}

/* What was written has gone again when the daemon refused it. */
static void
tell(struct adding *a, enum answer answer)
{
	const struct record *r = &a->add->record;
	bool refused = answer == ANSWER_REFUSED && r->source == NULL;
	struct event e;

	if (a->word[0] == 'u')
		return;
	tell_begin(&e, a->tool, refused ? "export-failed" :
	    a->word[0] == 'a' ? "export-added" : "export-changed",
	    a->add->name);
	json_string(&e.json, "image", r->image);
	if (r->source != NULL)
		json_string(&e.json, "source", r->source);
	json_string(&e.json, "mode", mode_names[r->mode]);
	if (refused)
		json_string(&e.json, "error", a->sub.state.error);
	tell_end(&e, a->tool);
}

static int
conclude(struct adding *a, enum answer answer)
{
	tell(a, answer);
	if (a->add->record.source != NULL && answer != ANSWER_OTHER &&
	    answer != ANSWER_LATE && answer != ANSWER_SIGNAL)
		return add_follow(a, answer);
	switch (answer) {
	case ANSWER_READY:
		add_report(a, true);
		return TOOL_OK;
	case ANSWER_DOWN:
		tool_say(a->tool, "no daemon runs; %s will be served when "
		    "nbdmuxd is started", a->add->name);
		add_report(a, false);
		return TOOL_OK;
	case ANSWER_REFUSED:
		return refused(a);
	case ANSWER_OTHER:
		a->add->raced = true;
		diag_set(&a->error, "somebody else changed %s meanwhile; what "
		    "they wrote stays", a->sub.entry.file);
		return add_trouble(a, TOOL_FAILED, a->word);
	case ANSWER_SIGNAL:
		tool_say(a->tool, "interrupted; %s stays in the spool",
		    a->sub.entry.file);
		return TOOL_FAILED;
	default:
		return late(a);
	}
}

/* --- doing ---------------------------------------------------------------- */

/* The clients of an earlier export of this name are no business of ours. */
static void
clean_spool(const struct adding *a)
{
	char kick[NAME_FILE_SIZE + 1];

	snprintf(kick, sizeof(kick), "%s.kick", a->add->name);
	publish_remove(a->tool->spoolfd, kick, NULL);
	publish_sweep(a->tool->spoolfd, SWEEP_AGE);
}

/*
 * The daemon looks at an image again only when it has to.  The same text as a
 * new version asks it to do so now.
 */
static enum answer
ask_again(struct adding *a, enum answer old, struct diag *d)
{
	if (entry_write(&a->sub.entry, &a->add->record, d) != 0)
		return old;
	return submission_hear(&a->sub);
}

/*
 * Has the image changed since the daemon opened it, as after a rename of a new
 * one over it?  Then an answer that is older says nothing of it.
 */
static bool
image_is_newer(const struct adding *a)
{
	struct stat st;

	return stat(a->add->record.image, &st) == 0 &&
	    (uint64_t)st.st_ctim.tv_sec >= a->sub.state.since;
}

/* What boots it, now that the entry stays. */
static int
publish(struct adding *a, enum answer answer)
{
	if (add_boot(a) == 0)
		return 0;
	diag_prefix(&a->error, "%s is in the spool, but what boots it is not "
	    "published", a->add->name);
	tell(a, answer);
	return -1;
}

static int
carry_out(struct adding *a)
{
	bool same = strcmp(a->word, "unchanged") == 0;
	enum answer answer;

	clean_spool(a);
	if (!same && entry_write(&a->sub.entry, &a->add->record, &a->error) != 0) {
		a->add->raced = a->sub.entry.raced;
		tool_say(a->tool, "cannot add %s: %s", a->add->name,
		    a->error.text);
		return TOOL_FAILED;
	}
	await_limit(&a->sub.await, a->add->timeout);
	answer = submission_hear(&a->sub);
	if (same && (answer == ANSWER_REFUSED || add_fetch_failed(a) ||
	    (answer == ANSWER_READY && a->add->record.source == NULL &&
	    image_is_newer(a))))
		answer = ask_again(a, answer, &a->error);
	if (answer != ANSWER_REFUSED && answer != ANSWER_OTHER &&
	    publish(a, answer) != 0)
		return add_trouble(a, TOOL_FAILED, a->word);
	return conclude(a, answer);
}

static int
with_entry(struct adding *a)
{
	int status;

	if (entry_open(&a->sub.entry, a->tool, a->add->name, &a->error) != 0 ||
	    add_keep_image(a, &a->error) != 0)
		return tool_fail(a->tool, TOOL_FAILED, "cannot add %s: %s",
		    a->add->name, a->error.text);
	if (!a->sub.entry.existed)
		a->word = "added";
	else
		a->word = entry_says(&a->sub.entry, &a->add->record) ?
		    "unchanged" : "changed";
	if (a->add->check) {
		add_report(a, false);
		return TOOL_OK;
	}
	await_begin(&a->sub.await, a->tool);
	status = carry_out(a);
	await_end(&a->sub.await);
	return status;
}

static int
format(const struct record *r, struct diag *d)
{
	struct buf text;
	int rc;

	buf_init(&text, RECORD_FILE_MAX);
	rc = record_format(r, &text, d);
	buf_free(&text);
	return rc;
}

/* The image, what boots it, and whether the whole could be written. */
static int
prepare(struct adding *a)
{
	struct add *add = a->add;
	struct record *r = &add->record;
	struct diag *d = &a->error;

	if (url_is(add->image))
		r->source = strdup(add->image);
	else
		r->image = source_absolute(add->image, d);
	if (r->image == NULL && r->source == NULL)
		return -1;
	if ((r->source != NULL && url_check(add->image, d) != 0) ||
	    add_boot_look(a) != 0 || format(r, d) != 0)
		return -1;
	if (r->image != NULL && !add->looked &&
	    source_look(r->image, add->raw, d) != 0)
		return -1;
	if (tool_open_spool(a->tool, true, d) != 0)
		return -1;
	/* A mistake in the configuration is not to come after the entry. */
	return config_data(&a->tool->places, d);
}

static int
run(struct adding *a)
{
	int status;

	if (prepare(a) != 0 ||
	    server_open(&a->sub.server, a->tool, &a->error) != 0)
		return tool_fail(a->tool, TOOL_FAILED, "cannot add %s: %s",
		    a->add->name, a->error.text);
	status = with_entry(a);
	submission_close(&a->sub);
	return status;
}

int
add_run(struct tool *t, struct add *add)
{
	struct adding a = { .tool = t, .add = add };
	int status;

	submission_init(&a.sub, t, add->name);
	a.sub.record = &add->record;
	status = run(&a);
	if (add->why != NULL)
		*add->why = a.error;
	return status;
}
