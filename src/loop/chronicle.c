/* chronicle: events with what belongs to each. */
#include "loop/chronicle.h"
#include "loop/conn.h"

#define PROGRAM "nbdmuxd"

/* --- the daemon ----------------------------------------------------------- */

void
chronicle_started(struct recorder *r, const struct changes *changes)
{
	size_t exports = 0, failed = 0;
	struct event e;

	for (size_t i = 0; i < changes->count; i++) {
		exports += !changes->list[i].state.builtin;
		failed += changes->list[i].state.error != NULL;
	}
	event_begin(&e, "server-started", PROGRAM, NULL, NULL);
	json_string(&e.json, "version", NBDMUX_VERSION);
	json_number(&e.json, "exports", exports);
	json_number(&e.json, "failed", failed);
	recorder_put(r, &e);
}

void
chronicle_stopped(struct recorder *r)
{
	struct event e;

	event_begin(&e, "server-stopped", PROGRAM, NULL, NULL);
	recorder_put(r, &e);
}

static const char *
or_null(const char *value)
{
	return value[0] != '\0' ? value : NULL;
}

void
chronicle_setting(struct recorder *r, const struct setting_change *c)
{
	struct event e;

	event_begin(&e, "setting-changed", PROGRAM, NULL, NULL);
	json_string(&e.json, "setting", c->name);
	json_string(&e.json, "from", or_null(c->from));
	json_string(&e.json, "to", or_null(c->to));
	json_bool(&e.json, "restart", c->restart);
	recorder_put(r, &e);
}

/* --- exports -------------------------------------------------------------- */

static void
entry(struct recorder *r, const struct change *c, const char *name)
{
	struct event e;

	event_begin(&e, name, PROGRAM, NULL, c->name);
	json_string(&e.json, "image", c->state.image);
	json_string(&e.json, "mode", mode_names[c->state.mode]);
	recorder_put(r, &e);
}

static void
served(struct recorder *r, const struct change *c)
{
	struct event e;

	event_begin(&e, "export-served", PROGRAM, NULL, c->name);
	json_number(&e.json, "generation", c->state.generation);
	json_number(&e.json, "size", c->state.size);
	json_string(&e.json, "image", c->state.image);
	recorder_put(r, &e);
}

static void
failed(struct recorder *r, const struct change *c)
{
	struct event e;

	event_begin(&e, "export-failed", PROGRAM, NULL, c->name);
	json_string(&e.json, "error", c->state.error);
	json_number(&e.json, "generation", c->state.generation);
	recorder_put(r, &e);
}

static void
removed(struct recorder *r, const struct change *c)
{
	struct event e;

	event_begin(&e, "export-removed", PROGRAM, NULL, c->name);
	json_bool(&e.json, "draining", c->kind == CHANGE_REMOVED);
	recorder_put(r, &e);
}

void
chronicle_change(struct recorder *r, const struct change *c)
{
	if (c->kind == CHANGE_ADDED)
		entry(r, c, "export-added");
	else if (c->news & NEWS_ENTRY)
		entry(r, c, "export-changed");
	if (c->news & NEWS_SERVED)
		served(r, c);
	if (c->news & NEWS_FAILED)
		failed(r, c);
	if (c->news & NEWS_REMOVED)
		removed(r, c);
}

/* --- clients -------------------------------------------------------------- */

static void
begin(struct event *e, const char *name, const struct conn *c,
    const struct generation *g)
{
	event_begin(e, name, PROGRAM, c->peer.text, g->name);
	json_string(&e->json, "identity", c->proof != NULL ? c->proof->text :
	    NULL);
	json_bool(&e->json, "tls", c->peer.secure);
	json_number(&e->json, "generation", g->number);
}

void
chronicle_connected(struct recorder *r, const struct conn *c,
    const struct generation *g)
{
	struct event e;

	if (!c->logged) {
		recorder_skip(r);
		return;
	}
	begin(&e, "client-connected", c, g);
	recorder_put(r, &e);
}

static uint64_t
requests(const struct stats_counters *n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < STATS_COMMANDS; i++)
		sum += atomic_load(&n->requests[i]);
	return sum;
}

void
chronicle_ended(struct recorder *r, const struct conn *c,
    const struct stats_counters *n, const char *reason)
{
	const struct generation *g = session_generation(c->session);
	struct event e;

	if (g == NULL)
		return;
	if (!c->logged) {
		recorder_skip(r);
		return;
	}
	begin(&e, "client-ended", c, g);
	json_real(&e.json, "seconds", ev_now(c->loop->ev) - c->opened);
	if (n != NULL) {
		json_number(&e.json, "requests", requests(n));
		json_number(&e.json, "errors", atomic_load(&n->errors));
		json_number(&e.json, "bytes_read", atomic_load(&n->bytes_read));
		json_number(&e.json, "bytes_written",
		    atomic_load(&n->bytes_written));
	}
	json_string(&e.json, "reason", reason);
	recorder_put(r, &e);
}
