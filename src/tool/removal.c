/* removal: asks how far the daemon has come, until it is far enough. */
#include <fcntl.h>
#include <unistd.h>

#include "spool/state.h"
#include "tool/removal.h"

bool
removal_exists(const struct removal *r, const char *file)
{
	return faccessat(r->tool->spoolfd, file, F_OK,
	    AT_SYMLINK_NOFOLLOW) == 0;
}

void
removal_settle(struct target *t, int status)
{
	t->status = status;
	t->done = true;
}

/* --- asking the daemon ---------------------------------------------------- */

/*
 * A state without NAME.ini is the removed export's, whatever it says: the
 * daemon has not looked yet.  With NAME.ini somebody has added it again, and
 * what was removed is history.
 */
enum stage
removal_stage(const struct removal *r, const struct target *t)
{
	struct state_export state = { 0 };
	enum stage stage = STAGE_SERVED;
	int found;

	if (r->server.exportsfd == -1)
		return STAGE_GONE;
	found = state_read_export(r->server.exportsfd, t->name, &state, NULL);
	if (found == 0 || (found == 1 && state.builtin) ||
	    removal_exists(r, t->file))
		stage = STAGE_GONE;
	else if (found == 1 && state.status == STATUS_DRAINING)
		stage = STAGE_DRAINING;
	state_export_clear(&state);
	return stage;
}

/* Whether each has come as far as goal. */
static bool
reached(struct removal *r, enum stage goal)
{
	bool all = true;

	server_close(&r->server);
	if (server_open(&r->server, r->tool, NULL) != 0)
		return false; /* a state that is just being made anew */
	for EACH(r, t) {
		if (t->done)
			continue;
		t->stage = r->server.pid == 0 ? STAGE_GONE :
		    removal_stage(r, t);
		t->done = t->stage >= goal;
		all = all && t->done;
	}
	return all;
}

static enum await_verdict
await_stage(struct removal *r, enum stage goal, double limit)
{
	enum await_verdict verdict = AWAIT_LOOK;

	for EACH(r, t)
		t->done = t->status == TOOL_FAILED;
	await_limit(&r->await, limit);
	while (verdict == AWAIT_LOOK && !reached(r, goal))
		verdict = await_next(&r->await);
	return verdict;
}

static void
late(struct removal *r, double limit)
{
	struct diag doubt;

	server_doubt(&r->server, &doubt);
	for EACH(r, t) {
		if (t->done)
			continue;
		removal_settle(t, TOOL_TIMEOUT);
		diag_set(&t->error, t->stage == STAGE_DRAINING ?
		    "%s still has clients after %g s%s; it is removed, and "
		    "gone when they are" :
		    "%s is removed from the spool, but the daemon has not "
		    "taken that up within %g s%s", t->name, limit, doubt.text);
		tool_say(r->tool, "%s", t->error.text);
	}
}

/* First that no new clients come, then, if wanted, that the last has gone. */
void
removal_follow(struct removal *r)
{
	bool to_the_end = r->rm->wait || r->rm->kick;
	double limit = r->rm->timeout >= 0 ? r->rm->timeout : RM_TIMEOUT;
	enum await_verdict verdict = await_stage(r, STAGE_DRAINING, limit);

	if (verdict == AWAIT_LOOK && to_the_end) {
		if (r->rm->timeout < 0 && !r->rm->kick)
			limit = -1;
		verdict = await_stage(r, STAGE_GONE, limit);
	}
	if (verdict == AWAIT_TIMEOUT)
		late(r, limit);
	if (verdict == AWAIT_SIGNAL)
		tool_say(r->tool,
		    "interrupted; what was removed stays removed");
}
