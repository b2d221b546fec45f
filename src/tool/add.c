/* add: look at the image, write the entry, hear the daemon, report. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "spool/config.h"
#include "spool/publish.h"
#include "spool/state.h"
#include "tool/add.h"
#include "tool/await.h"
#include "tool/entry.h"
#include "tool/server.h"
#include "tool/source.h"
#include "tool/tell.h"
#include "tool/uri.h"

#define SWEEP_AGE 600 /* s; no writer takes that long between two steps */

enum answer {
	ANSWER_NONE,    /* not yet */
	ANSWER_READY,   /* exactly this is served */
	ANSWER_REFUSED, /* the reason is in state.error */
	ANSWER_OTHER,   /* somebody else's change came in between */
	ANSWER_DOWN,    /* no daemon runs */
	ANSWER_LATE,    /* not in time */
	ANSWER_SIGNAL   /* the user has had enough */
};

struct adding {
	struct tool *tool;
	struct add *add;
	struct entry entry;
	struct await await;
	struct server server;      /* as last seen */
	struct state_export state; /* as last read */
	const char *word;          /* added, changed, unchanged */
	struct diag error;         /* what went wrong, for --json */
};

/* --- asking the daemon ---------------------------------------------------- */

static bool
answers_us(const struct adding *a)
{
	return a->state.spool_ino == a->entry.stamp.ino &&
	    a->state.spool_mtime == a->entry.stamp.mtime;
}

static enum answer
judge(const struct adding *a)
{
	if (a->state.status == STATUS_FAILED || a->state.error != NULL)
		return ANSWER_REFUSED;
	return a->state.status == STATUS_READY ? ANSWER_READY : ANSWER_NONE;
}

static enum answer
ask(struct adding *a)
{
	struct diag ignored; /* a state that is just being made anew */

	server_close(&a->server);
	state_export_clear(&a->state);
	if (server_open(&a->server, a->tool, &ignored) != 0)
		return ANSWER_NONE;
	if (a->server.pid == 0)
		return ANSWER_DOWN;
	if (a->server.exportsfd != -1 && state_read_export(a->server.exportsfd,
	    a->add->name, &a->state, &ignored) == 1 && answers_us(a))
		return judge(a);
	if (entry_current(&a->entry) || entry_adopt(&a->entry, a->add->name,
	    &a->add->record))
		return ANSWER_NONE;
	return ANSWER_OTHER;
}

static enum answer
hear(struct adding *a)
{
	for (;;) {
		enum answer answer = ask(a);

		if (answer != ANSWER_NONE)
			return answer;
		switch (await_next(&a->await)) {
		case AWAIT_LOOK:
			break;
		case AWAIT_TIMEOUT:
			return ANSWER_LATE;
		case AWAIT_SIGNAL:
			return ANSWER_SIGNAL;
		}
	}
}

/* --- reporting ------------------------------------------------------------ */

static void
report_json(const struct adding *a, const char *uri, bool served)
{
	struct json j = { .out = stdout };

	json_open(&j, NULL, '{');
	json_number(&j, "format", 1);
	json_string(&j, "name", a->add->name);
	json_string(&j, "result", a->word);
	json_bool(&j, "check", a->add->check);
	json_bool(&j, "served", served);
	json_string(&j, "uri", uri);
	if (served) {
		json_number(&j, "size", a->state.size);
		json_number(&j, "generation", a->state.generation);
	} else {
		json_null(&j, "size");
		json_null(&j, "generation");
	}
	json_string(&j, "error", a->error.text[0] != '\0' ? a->error.text :
	    NULL);
	json_close(&j, '}');
	putchar('\n');
}

static bool
secure(const struct adding *a)
{
	return a->server.state.tls == CONFIG_TLS_REQUIRED ||
	    a->add->record.tls == RECORD_TLS_REQUIRE;
}

static void
report(const struct adding *a, bool served)
{
	struct buf uri;
	bool known;

	buf_init(&uri, 4096);
	known = a->server.pid != 0 && uri_best(&uri, a->server.state.listen,
	    a->add->name, secure(a)) == 0;
	if (a->add->json)
		report_json(a, known ? uri.data : NULL, served);
	else if (a->word != NULL)
		printf(known ? "%s %s\n" : "%s\n", a->word, uri.data);
	buf_free(&uri);
}

/* What went wrong, on stderr and in the JSON; word: what was done anyway. */
static int
trouble(struct adding *a, int status, const char *word)
{
	tool_say(a->tool, "%s", a->error.text);
	a->word = word;
	if (a->add->json)
		report(a, false);
	return status;
}

/* --- what follows from the answer ----------------------------------------- */

static int
refused(struct adding *a)
{
	const char *then = "the spool is as it was";
	struct diag why;

	switch (a->word[0] == 'u' ? 1 : entry_restore(&a->entry, &why)) {
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
	    a->state.error != NULL ? a->state.error : "it gives no reason",
	    then);
	return trouble(a, TOOL_REFUSED, "refused");
}

static int
late(struct adding *a)
{
	struct diag doubt;

	server_doubt(&a->server, &doubt);
	diag_set(&a->error, "the daemon (pid %ld) has not answered within %g s"
	    "%s; %s stays in the spool, and nbdmux-ls shows what comes of it",
	    a->server.pid, a->add->timeout, doubt.text, a->entry.file);
	return trouble(a, TOOL_TIMEOUT, a->word);
}

/* What was written has gone again when the daemon refused it. */
static void
tell(struct adding *a, enum answer answer)
{
	bool refused = answer == ANSWER_REFUSED;
	struct event e;

	if (a->word[0] == 'u')
		return;
	tell_begin(&e, a->tool, refused ? "export-failed" :
	    a->word[0] == 'a' ? "export-added" : "export-changed",
	    a->add->name);
	json_string(&e.json, "image", a->add->record.image);
	json_string(&e.json, "mode", mode_names[a->add->record.mode]);
	if (refused)
		json_string(&e.json, "error", a->state.error);
	tell_end(&e, a->tool);
}

static int
conclude(struct adding *a, enum answer answer)
{
	tell(a, answer);
	switch (answer) {
	case ANSWER_READY:
		report(a, true);
		return TOOL_OK;
	case ANSWER_DOWN:
		tool_say(a->tool, "no daemon runs; %s will be served when "
		    "nbdmuxd is started", a->add->name);
		report(a, false);
		return TOOL_OK;
	case ANSWER_REFUSED:
		return refused(a);
	case ANSWER_OTHER:
		diag_set(&a->error, "somebody else changed %s meanwhile; what "
		    "they wrote stays", a->entry.file);
		return trouble(a, TOOL_FAILED, a->word);
	case ANSWER_SIGNAL:
		tool_say(a->tool, "interrupted; %s stays in the spool",
		    a->entry.file);
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
	if (entry_write(&a->entry, &a->add->record, d) != 0)
		return old;
	return hear(a);
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
	    (uint64_t)st.st_ctim.tv_sec >= a->state.since;
}

static int
carry_out(struct adding *a)
{
	bool same = strcmp(a->word, "unchanged") == 0;
	enum answer answer;

	clean_spool(a);
	if (!same && entry_write(&a->entry, &a->add->record, &a->error) != 0) {
		tool_say(a->tool, "cannot add %s: %s", a->add->name,
		    a->error.text);
		return TOOL_FAILED;
	}
	await_limit(&a->await, a->add->timeout);
	answer = hear(a);
	if (same && (answer == ANSWER_REFUSED ||
	    (answer == ANSWER_READY && image_is_newer(a))))
		answer = ask_again(a, answer, &a->error);
	return conclude(a, answer);
}

static int
with_entry(struct adding *a)
{
	int status;

	if (entry_open(&a->entry, a->tool, a->add->name, &a->error) != 0)
		return tool_fail(a->tool, TOOL_FAILED, "cannot add %s: %s",
		    a->add->name, a->error.text);
	if (!a->entry.existed)
		a->word = "added";
	else
		a->word = entry_says(&a->entry, &a->add->record) ?
		    "unchanged" : "changed";
	if (a->add->check) {
		report(a, false);
		return TOOL_OK;
	}
	await_begin(&a->await, a->tool);
	status = carry_out(a);
	await_end(&a->await);
	return status;
}

/* The image, and whether the whole could be written. */
static int
prepare(struct tool *t, struct add *add, struct diag *d)
{
	struct buf text;
	int result;

	add->record.image = source_absolute(add->image, d);
	if (add->record.image == NULL)
		return -1;
	buf_init(&text, RECORD_FILE_MAX);
	result = record_format(&add->record, &text, d);
	buf_free(&text);
	if (result != 0 || source_look(add->record.image, add->raw, d) != 0)
		return -1;
	return tool_open_spool(t, true, d);
}

int
add_run(struct tool *t, struct add *add)
{
	struct adding a = { .tool = t, .add = add };
	int status;

	if (prepare(t, add, &a.error) != 0)
		return tool_fail(t, TOOL_FAILED, "cannot add %s: %s",
		    add->name, a.error.text);
	if (server_open(&a.server, t, &a.error) != 0)
		return tool_fail(t, TOOL_FAILED, "cannot add %s: %s",
		    add->name, a.error.text);
	status = with_entry(&a);
	entry_close(&a.entry);
	state_export_clear(&a.state);
	server_close(&a.server);
	return status;
}
