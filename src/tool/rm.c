/*
 * rm: all entries are removed first, then their ends are awaited together, so
 * that many exports take as long as the slowest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "spool/config.h"
#include "spool/fetched.h"
#include "spool/netboot.h"
#include "spool/publish.h"
#include "spool/state.h"
#include "tool/removal.h"
#include "tool/tell.h"

/* --- removing ------------------------------------------------------------- */

static void
failed_to(struct removal *r, struct target *t, int error)
{
	struct diag remedy;

	tool_remedy(r->tool, error, &remedy);
	tool_say(r->tool, "cannot remove %s: %s%s", t->name, t->error.text,
	    remedy.text);
	removal_settle(t, TOOL_FAILED);
}

/*
 * The marker comes first: the daemon then never sees the export removed
 * without it.
 */
static void
remove_one(struct removal *r, struct target *t)
{
	int removed;

	if (r->rm->kick && r->server.pid != 0 &&
	    (removal_exists(r, t->file) || removal_stage(r, t) != STAGE_GONE)) {
		if (publish_file(r->tool->spoolfd, t->kick, "", 0, 0644, 0,
		    &t->error) != 0) {
			failed_to(r, t, errno);
			return;
		}
		t->kicking = true;
	}
	removed = publish_remove(r->tool->spoolfd, t->file, &t->error);
	if (removed == -1)
		failed_to(r, t, errno);
	t->was_there = removed == 1;
}

/*
 * What was fetched for them goes, too: clients that are still there have it
 * open.  An export that was only away is not asked, since nothing says what
 * it was.
 */
static void
remove_images(struct removal *r)
{
	struct view *view = NULL;
	char dir[PATH_MAX];
	struct diag d = { "" };

	if (config_data(&r->tool->places, &d) != 0 ||
	    view_read(r->tool->spoolfd, NULL, &view, &d) != 0) {
		tool_say(r->tool, "what was fetched stays: %s", d.text);
		return;
	}
	fetched_dir(&r->tool->places, dir);
	for EACH(r, t)
		if (t->was_there && t->status != TOOL_FAILED &&
		    fetched_remove(dir, t->name, view, &d) == -1)
			tool_say(r->tool, "what was fetched for %s stays: %s",
			    t->name, d.text);
	view_free(view);
}

/* Nor is anybody to boot them; also what an entry has left behind. */
static void
remove_netboot(struct removal *r)
{
	struct diag d = { "" };

	if (config_data(&r->tool->places, &d) != 0)
		return; /* remove_images() has said so */
	for EACH(r, t)
		if (t->status != TOOL_FAILED && netboot_remove(
		    &r->tool->places, t->name, NETBOOT_ALL, &d) == -1)
			tool_say(r->tool, "what boots %s stays: %s", t->name,
			    d.text);
}

static void
remove_markers(struct removal *r)
{
	for EACH(r, t)
		if (t->kicking)
			publish_remove(r->tool->spoolfd, t->kick, NULL);
}

/* --- reporting ------------------------------------------------------------ */

static const char *
word(const struct target *t)
{
	if (t->status == TOOL_FAILED)
		return "failed";
	return t->was_there ? "removed" : "absent";
}

static void
report_json(const struct removal *r)
{
	struct json j = { .out = stdout };

	json_open(&j, NULL, '{');
	json_number(&j, "format", 1);
	json_bool(&j, "check", r->rm->check);
	json_open(&j, "results", '[');
	for EACH(r, t) {
		json_open(&j, NULL, '{');
		json_string(&j, "name", t->name);
		json_string(&j, "result", word(t));
		json_bool(&j, "draining", t->stage == STAGE_DRAINING);
		json_string(&j, "error", t->error.text[0] != '\0' ?
		    t->error.text : NULL);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

static void
report(const struct removal *r)
{
	if (r->rm->quiet)
		return;
	if (r->rm->json)
		report_json(r);
	else
		for EACH(r, t)
			if (t->status != TOOL_FAILED)
				printf("%s %s\n", word(t), t->name);
	fflush(stdout);
}

/* Statuses from best to worst. */
static int
worst(const struct removal *r)
{
	static const int order[] = { TOOL_OK, TOOL_ABSENT, TOOL_TIMEOUT,
		TOOL_FAILED };
	size_t at = 0;

	for EACH(r, t)
		for (size_t i = at + 1; i < sizeof(order) / sizeof(*order); i++)
			if (order[i] == t->status)
				at = i;
	return order[at];
}

/* A built-in export looks like one, but is not in the spool. */
static void
explain_absent(struct removal *r, struct target *t)
{
	struct state_export state = { 0 };

	if (r->server.exportsfd != -1 && state_read_export(r->server.exportsfd,
	    t->name, &state, NULL) == 1 && state.builtin && !r->rm->quiet)
		tool_say(r->tool, "%s is built in; %s = no in %s turns it off",
		    t->name, t->name, r->tool->places.conf);
	state_export_clear(&state);
	if (!r->rm->strict || t->status != TOOL_OK)
		return;
	t->status = TOOL_ABSENT;
	diag_set(&t->error, "there is no export %s", t->name);
	if (!r->rm->quiet)
		tool_say(r->tool, "%s", t->error.text);
}

/* --- all of it ------------------------------------------------------------ */

static void
carry_out(struct removal *r)
{
	await_begin(&r->await, r->tool);
	for EACH(r, t)
		remove_one(r, t);
	remove_images(r);
	remove_netboot(r);
	if (r->server.pid != 0)
		removal_follow(r);
	remove_markers(r);
}

static void
tell(struct removal *r, const struct target *t)
{
	struct event e;

	tell_begin(&e, r->tool, "export-removed", t->name);
	json_bool(&e.json, "draining", t->stage == STAGE_DRAINING);
	json_bool(&e.json, "kicked", t->kicking);
	tell_end(&e, r->tool);
}

static void
predict(struct removal *r)
{
	for EACH(r, t)
		t->was_there = removal_exists(r, t->file);
}

static int
run(struct removal *r)
{
	if (r->rm->check)
		predict(r);
	else
		carry_out(r);
	for EACH(r, t)
		if (t->status != TOOL_FAILED && !t->was_there)
			explain_absent(r, t);
	report(r);
	for EACH(r, t) {
		if (!r->rm->check && t->was_there)
			tell(r, t);
		if (r->rm->why != NULL)
			*r->rm->why = t->error;
	}
	if (!r->rm->check)
		await_end(&r->await);
	return worst(r);
}

static int
prepare(struct removal *r)
{
	struct diag here = { .text = "" };
	struct diag *d = r->rm->why != NULL ? r->rm->why : &here;

	r->targets = calloc(r->names.count + 1, sizeof(*r->targets));
	if (r->targets == NULL)
		return tool_fail(r->tool, TOOL_FAILED, "out of memory");
	for (size_t i = 0; i < r->names.count; i++) {
		struct target *t = &r->targets[i];

		t->name = r->names.list[i];
		name_to_file(t->file, t->name);
		snprintf(t->kick, sizeof(t->kick), "%s" KICK_SUFFIX, t->name);
	}
	if (tool_open_spool(r->tool, true, d) != 0 ||
	    server_open(&r->server, r->tool, d) != 0)
		return tool_fail(r->tool, TOOL_FAILED, "cannot remove %s: %s",
		    r->names.count == 1 ? r->names.list[0] : "exports", d->text);
	return TOOL_OK;
}

int
rm_run(struct tool *t, const struct rm *rm)
{
	struct removal r = { .tool = t, .rm = rm,
		.server = { .statefd = -1, .exportsfd = -1 } };
	struct diag d;
	int status;

	if (given_take(&r.names, rm->names, rm->count, &d) != 0)
		status = tool_fail(t, TOOL_USAGE, "%s", d.text);
	else if ((status = prepare(&r)) == TOOL_OK)
		status = run(&r);
	server_close(&r.server);
	free(r.targets);
	given_drop(&r.names);
	return status;
}
