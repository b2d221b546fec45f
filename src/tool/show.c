/* show: which columns there are, and what stands in them. */
#include <bsd/string.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "spool/record.h"
#include "tool/cell.h"
#include "tool/show.h"
#include "tool/table.h"

#define CELL 128
#define OLD_MAX 16 /* old generations that are told apart */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- cells ---------------------------------------------------------------- */

static const char *
cell_size(char dst[CELL], const struct listing_row *r)
{
	if (!r->answered || r->state.size == 0)
		return "-";
	return size_human(dst, CELL, r->state.size);
}

/* "3", or "3, 2" while clients still use the second; "-" for none. */
static const char *
cell_generations(char dst[CELL], const struct listing_row *r)
{
	uint64_t old[OLD_MAX];
	size_t n = listing_old(r, old, OLD_MAX);

	dst[0] = '\0';
	if (r->state.generation != 0)
		snprintf(dst, CELL, "%" PRIu64, r->state.generation);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(dst);

		snprintf(dst + len, CELL - len, "%s%" PRIu64,
		    len > 0 ? ", " : "", old[i]);
	}
	return dst[0] != '\0' ? dst : "-";
}

static const char *
cell_number(char dst[CELL], uint64_t n)
{
	snprintf(dst, CELL, "%" PRIu64, n);
	return dst;
}

static const char *
cell_bytes(char dst[CELL], uint64_t n)
{
	return n > 0 ? size_human(dst, CELL, n) : "0";
}

static const char *
cell_rate(char dst[CELL], double rate)
{
	if (rate < 0)
		return "-";
	return cell_bytes(dst, (uint64_t)(rate + 0.5));
}

static const char *
cell_since(char dst[CELL], const struct listing_row *r)
{
	if (!r->answered || r->state.since == 0)
		return "-";
	return text_time(dst, CELL, (long long)r->state.since);
}

static const char *
cell_allow(const struct listing_row *r)
{
	if (r->entry == NULL || r->entry->bad)
		return "-";
	return r->entry->record.allow != NULL ? r->entry->record.allow : "all";
}

/* "fetching 45%" */
static const char *
cell_status(char dst[CELL], const struct listing_row *r)
{
	const char *status = listing_status(r);
	double percent = fetch_percent(&r->fetch);

	if (!r->fetching || percent < 0 || r->fetch.status == STATUS_QUEUED ||
	    strcmp(status, status_names[r->fetch.status]) != 0 ||
	    !fetch_pending(&r->fetch))
		return status;
	snprintf(dst, CELL, "%s %d%%", status, (int)percent);
	return dst;
}

static const char *
cell_mode(const struct listing_row *r)
{
	/* Nobody knows what a text that cannot be read wants. */
	if (!r->answered && (r->entry == NULL || r->entry->bad))
		return "-";
	return mode_names[r->state.mode];
}

/* Where it comes from, until it is there. */
static const char *
cell_image(const struct listing_row *r)
{
	if (r->state.image != NULL)
		return r->state.image;
	return r->entry != NULL && r->entry->record.source != NULL ?
	    r->entry->record.source : "-";
}

static const char *
cell_description(char *dst, size_t size, const struct listing_row *r)
{
	const char *text = r->state.description != NULL ?
	    r->state.description : "";

	if (!r->state.builtin)
		return text;
	snprintf(dst, size, "(built in)%s%s", text[0] != '\0' ? " " : "", text);
	return dst;
}

static void
note_error(struct table *t, const struct listing_row *r)
{
	if (r->state.error != NULL)
		table_note(t, r->state.error);
}

/* Too long for columns, and most exports have none. */
static void
note_boot(struct table *t, const struct listing_row *r)
{
	static const char *const names[] = { "kernel", "initrd", "cmdline" };
	const struct record *record;
	const char *values[3];
	char text[PATH_MAX + 32];

	if (r->entry == NULL || r->entry->bad)
		return;
	record = &r->entry->record;
	values[0] = record->kernel;
	values[1] = record->initrd;
	values[2] = record->cmdline;
	for (size_t i = 0; i < 3; i++)
		if (values[i] != NULL) {
			snprintf(text, sizeof(text), "%s = %s", names[i],
			    values[i]);
			table_note(t, text);
		}
}

static int
finish(struct table *t, FILE *out, size_t width)
{
	int result = table_print(t, out, width);

	table_free(t);
	return result;
}

/* --- the tables ----------------------------------------------------------- */

int
show_exports(const struct listing *l, FILE *out, size_t width)
{
	static const struct column columns[] = { { "NAME", false },
		{ "MODE", false }, { "SIZE", true }, { "STATUS", false },
		{ "GEN", false }, { "CLIENTS", true }, { "READ/s", true },
		{ "WRITE/s", true }, { "DESCRIPTION", false } };
	struct table t;

	table_init(&t, columns, COUNT(columns));
	for (const struct listing_row *r = l->rows; r < l->rows + l->count;
	    r++) {
		char size[CELL], gen[CELL], clients[CELL], rd[CELL], wr[CELL];
		char text[2 * DIAG_MAX], status[CELL];

		if (r->hidden)
			continue;
		table_row(&t, (const char *[]) { r->name, cell_mode(r),
		    cell_size(size, r), cell_status(status, r),
		    cell_generations(gen, r), cell_number(clients, r->clients),
		    cell_rate(rd, r->read_rate), cell_rate(wr, r->write_rate),
		    cell_description(text, sizeof(text), r) });
		note_error(&t, r);
	}
	return finish(&t, out, width);
}

int
show_long(const struct listing *l, FILE *out, size_t width)
{
	static const struct column columns[] = { { "NAME", false },
		{ "MODE", false }, { "SIZE", true }, { "STATUS", false },
		{ "GEN", false }, { "CLIENTS", true }, { "READ", true },
		{ "WRITTEN", true }, { "REQUESTS", true }, { "ERRORS", true },
		{ "SINCE", false }, { "ALLOW", false }, { "IMAGE", false },
		{ "DESCRIPTION", false } };
	struct table t;

	table_init(&t, columns, COUNT(columns));
	for (const struct listing_row *r = l->rows; r < l->rows + l->count;
	    r++) {
		char size[CELL], gen[CELL], clients[CELL], rd[CELL], wr[CELL];
		char requests[CELL], errors[CELL], since[CELL];
		char text[2 * DIAG_MAX], status[CELL];

		if (r->hidden)
			continue;
		table_row(&t, (const char *[]) { r->name, cell_mode(r),
		    cell_size(size, r), cell_status(status, r),
		    cell_generations(gen, r), cell_number(clients, r->clients),
		    cell_bytes(rd, r->totals.bytes_read),
		    cell_bytes(wr, r->totals.bytes_written),
		    cell_number(requests, listing_requests(&r->totals)),
		    cell_number(errors, r->totals.errors),
		    cell_since(since, r), cell_allow(r),
		    cell_image(r),
		    cell_description(text, sizeof(text), r) });
		note_boot(&t, r);
		note_error(&t, r);
	}
	return finish(&t, out, width);
}

/* A client keeps the generation that it began with, whatever comes after. */
static const char *
cell_generation(char dst[CELL], const struct listing_row *r,
    const struct stats_conn_row *c)
{
	const char *mark = "";

	if (r->state.status == STATUS_DRAINING && r->answered)
		mark = " (removed)";
	else if (c->generation != r->state.generation)
		mark = " (old)";
	snprintf(dst, CELL, "%" PRIu64 "%s", c->generation, mark);
	return dst;
}

static const char *
cell_identity(const struct stats_conn_row *c)
{
	if (c->identity[0] != '\0')
		return c->identity;
	return c->tls ? "(TLS)" : "-";
}

static void
connection(struct table *t, const struct listing *l,
    const struct listing_row *r, const struct stats_conn_row *c)
{
	char gen[CELL], age[CELL], rd[CELL], wr[CELL], requests[CELL];
	double seconds = l->stats.taken > c->started ?
	    (double)(l->stats.taken - c->started) / 1e9 : 0;

	table_row(t, (const char *[]) { c->address, r->name,
	    cell_generation(gen, r, c), cell_age(age, sizeof(age), seconds),
	    cell_bytes(rd, c->totals.bytes_read),
	    cell_bytes(wr, c->totals.bytes_written),
	    cell_number(requests, listing_requests(&c->totals)),
	    cell_identity(c) });
}

int
show_connections(const struct listing *l, FILE *out, size_t width)
{
	static const struct column columns[] = { { "CLIENT", false },
		{ "EXPORT", false }, { "GEN", false }, { "AGE", true },
		{ "READ", true }, { "WRITTEN", true }, { "REQUESTS", true },
		{ "IDENTITY", false } };
	struct table t;

	table_init(&t, columns, COUNT(columns));
	for (const struct listing_row *r = l->rows; r < l->rows + l->count; r++)
		for (size_t i = 0; i < r->clients && !r->hidden; i++)
			connection(&t, l, r, &r->conns[i]);
	return finish(&t, out, width);
}
