/* show: the listing as JSON; nbdmux-ls(8) documents the members. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "spool/config.h"
#include "spool/record.h"
#include "tool/show.h"
#include "tool/uri.h"

#define SHOW_FORMAT 1
#define OLD_MAX 64

/* By enum stats_command. */
static const char *const command_names[STATS_COMMANDS] = { "read", "write",
	"flush", "trim", "cache", "zero", "status", "other" };

/* A list's items as an array; null when it is not set. */
static void
put_list(struct json *j, const char *key, const char *list)
{
	const char *cursor = list, *item;
	size_t len;

	if (list == NULL) {
		json_null(j, key);
		return;
	}
	json_open(j, key, '[');
	while ((item = text_item(&cursor, &len)) != NULL) {
		char one[512];

		snprintf(one, sizeof(one), "%.*s", (int)len, item);
		json_string(j, NULL, one);
	}
	json_close(j, ']');
}

static void
put_totals(struct json *j, const struct stats_totals *t, bool known)
{
	static const struct stats_totals none;

	if (!known)
		t = &none;
	json_number(j, "bytes_read", t->bytes_read);
	json_number(j, "bytes_written", t->bytes_written);
	json_number(j, "errors", t->errors);
	json_open(j, "requests", '{');
	for (size_t i = 0; i < STATS_COMMANDS; i++)
		json_number(j, command_names[i], t->requests[i]);
	json_close(j, '}');
}

/* --- the spool's record, by its key table --------------------------------- */

static void
put_key(struct json *j, const struct key *key, const struct record *r)
{
	const char *at = (const char *)r + key->offset;

	switch (key->type) {
	case KEY_STRING:
		json_string(j, key->name, *(char *const *)(const void *)at);
		break;
	case KEY_LIST:
		put_list(j, key->name, *(char *const *)(const void *)at);
		break;
	case KEY_BOOL:
		json_bool(j, key->name, *(const bool *)(const void *)at);
		break;
	case KEY_ENUM:
		json_string(j, key->name,
		    key->choices[*(const unsigned *)(const void *)at]);
		break;
	default:
		json_number(j, key->name, *(const uint64_t *)(const void *)at);
	}
}

static void
put_record(struct json *j, const struct view_entry *e)
{
	if (e == NULL || e->bad) {
		json_null(j, "spool");
		return;
	}
	json_open(j, "spool", '{');
	for (const struct key *key = record_keys; key->name != NULL; key++)
		if (!(key->flags & KEY_LATER))
			put_key(j, key, &e->record);
	json_close(j, '}');
}

/* --- the parts ------------------------------------------------------------ */

static void
put_daemon(struct json *j, const struct listing *l, const struct tool *t)
{
	const struct state_daemon *s = &l->server.state;

	json_open(j, "daemon", '{');
	json_bool(j, "running", l->server.pid != 0);
	json_string(j, "spool", t->places.spool);
	json_string(j, "state", t->places.state);
	if (l->server.pid != 0) {
		json_number(j, "pid", (uint64_t)l->server.pid);
		json_string(j, "version", s->version);
		json_time(j, "started", s->started);
		put_list(j, "listen", s->listen);
		json_string(j, "tls", config_tls_names[s->tls]);
		json_string(j, "error", s->error);
	}
	json_close(j, '}');
}

static void
put_uri(struct json *j, const struct listing *l, const struct listing_row *r)
{
	struct buf uri;

	buf_init(&uri, 4096);
	json_string(j, "uri", uri_best(&uri, l->server.state.listen,
	    r->name, listing_secure(l, r)) == 0 ? uri.data : NULL);
	buf_free(&uri);
}

static void
put_generations(struct json *j, const struct listing_row *r)
{
	uint64_t old[OLD_MAX];
	size_t n = listing_old(r, old, OLD_MAX);

	json_number(j, "generation", r->state.generation);
	json_open(j, "old_generations", '[');
	for (size_t i = 0; i < n; i++)
		json_number(j, NULL, old[i]);
	json_close(j, ']');
}

static void
put_rates(struct json *j, const struct listing_row *r)
{
	if (r->read_rate < 0) {
		json_null(j, "read_rate");
		json_null(j, "write_rate");
		return;
	}
	json_real(j, "read_rate", r->read_rate);
	json_real(j, "write_rate", r->write_rate);
}

/* How far its source has come; null without one. */
static void
put_fetch(struct json *j, const struct listing_row *r)
{
	const struct fetch *f = &r->fetch;
	double percent = fetch_percent(f);

	if (!r->fetching) {
		json_null(j, "fetch");
		return;
	}
	json_open(j, "fetch", '{');
	json_string(j, "status", status_names[f->status]);
	json_string(j, "error", f->error);
	json_bool(j, "refresh", f->refresh);
	json_number(j, "bytes_total", f->bytes_total);
	json_number(j, "bytes_done", f->bytes_done);
	json_number(j, "bytes_rate", f->bytes_rate);
	if (percent < 0)
		json_null(j, "progress");
	else
		json_real(j, "progress", percent);
	json_time(j, "enqueued", f->enqueued);
	json_time(j, "started", f->started);
	json_time(j, "updated", f->updated);
	json_time(j, "completed", f->completed);
	json_time(j, "retry", f->retry);
	json_close(j, '}');
}

static void
put_export(struct json *j, const struct listing *l, const struct listing_row *r)
{
	json_open(j, NULL, '{');
	json_string(j, "name", r->name);
	json_string(j, "status", listing_status(r));
	json_string(j, "error", r->state.error);
	json_bool(j, "builtin", r->state.builtin);
	json_string(j, "image", r->state.image);
	json_string(j, "description", r->state.description);
	json_string(j, "mode", mode_names[r->state.mode]);
	json_string(j, "tls", record_tls_names[r->state.tls]);
	json_number(j, "size", r->state.size);
	put_generations(j, r);
	json_time(j, "since", r->state.since);
	json_number(j, "clients", r->clients);
	put_uri(j, l, r);
	put_totals(j, &r->totals, l->counted);
	put_rates(j, r);
	put_fetch(j, r);
	put_record(j, r->entry);
	json_close(j, '}');
}

static void
put_connection(struct json *j, const struct listing *l,
    const struct listing_row *r, const struct stats_conn_row *c)
{
	json_open(j, NULL, '{');
	json_string(j, "client", c->address);
	json_bool(j, "tls", c->tls);
	json_string(j, "identity", c->identity[0] != '\0' ? c->identity :
	    NULL);
	json_string(j, "export", r->name);
	json_number(j, "generation", c->generation);
	json_bool(j, "current", r->state.status != STATUS_DRAINING &&
	    c->generation == r->state.generation);
	json_time(j, "since", c->started / 1000000000);
	json_real(j, "age", l->stats.taken > c->started ?
	    (double)(l->stats.taken - c->started) / 1e9 : 0);
	put_totals(j, &c->totals, true);
	json_close(j, '}');
}

void
show_json(const struct listing *l, const struct tool *t, FILE *out)
{
	struct json j = { .out = out };
	const struct listing_row *end = l->rows + l->count;

	json_open(&j, NULL, '{');
	json_number(&j, "format", SHOW_FORMAT);
	put_daemon(&j, l, t);
	json_open(&j, "exports", '[');
	for (const struct listing_row *r = l->rows; r < end; r++)
		if (!r->hidden)
			put_export(&j, l, r);
	json_close(&j, ']');
	json_open(&j, "connections", '[');
	for (const struct listing_row *r = l->rows; r < end; r++)
		for (size_t i = 0; i < r->clients && !r->hidden; i++)
			put_connection(&j, l, r, &r->conns[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	fputc('\n', out);
}
