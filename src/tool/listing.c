/* listing: reads the three sources and merges them by name. */
#include <bsd/string.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "spool/config.h"
#include "tool/listing.h"
#include "tool/listingpriv.h"

void
listing_begin(struct listing_source *s, struct tool *t)
{
	*s = (struct listing_source) { .tool = t };
}

void
listing_end(struct listing_source *s)
{
	stats_close(s->stats);
	s->stats = NULL;
}

void
listing_free(struct listing *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++) {
		state_export_clear(&l->rows[i].state);
		fetch_clear(&l->rows[i].fetch);
	}
	free(l->rows);
	stats_snapshot_free(&l->stats);
	view_free(l->view);
	server_close(&l->server);
	free(l);
}

/* --- one row -------------------------------------------------------------- */

static char *
copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

/* What the spool says, when the daemon says nothing. */
static void
fill_from_entry(struct listing_row *r)
{
	const struct view_entry *e = r->entry;

	r->state.error = copy(e->error);
	if (e->bad)
		return;
	r->state.image = copy(e->record.image);
	r->state.description = copy(e->record.description);
	r->state.mode = e->record.mode;
	r->state.tls = e->record.tls;
}

static void
fill(struct listing *l, struct listing_row *r)
{
	struct diag d;
	int found = 0;

	r->read_rate = r->write_rate = -1;
	if (l->server.exportsfd != -1)
		found = state_read_export(l->server.exportsfd, r->name,
		    &r->state, &d);
	r->answered = found == 1;
	if (found == -1)
		r->state.error = copy(d.text);
	else if (found == 0 && r->entry != NULL)
		fill_from_entry(r);
}

/* --- the names, from two sorted lists ------------------------------------- */

struct merge {
	char (*names)[NAME_SIZE]; /* of the state, owned */
	size_t nnames, at_name;
	const struct view *view;
	size_t at_entry;
};

static bool
next(struct merge *m, struct listing_row *r)
{
	const struct view_entry *e = m->view != NULL &&
	    m->at_entry < m->view->count ? m->view->entries[m->at_entry] : NULL;
	const char *name = m->at_name < m->nnames ? m->names[m->at_name] : NULL;
	int order;

	if (e == NULL && name == NULL)
		return false;
	order = e == NULL ? -1 : name == NULL ? 1 : strcmp(name, e->name);
	strlcpy(r->name, order <= 0 ? name : e->name, sizeof(r->name));
	r->entry = order >= 0 ? e : NULL;
	m->at_name += order <= 0;
	m->at_entry += order >= 0;
	return true;
}

/* Those that the daemon may know: all, or this one. */
static int
state_names(const struct listing *l, const char *only, struct merge *m,
    struct diag *d)
{
	if (l->server.exportsfd == -1)
		return 0;
	if (only == NULL)
		return state_list(l->server.exportsfd, &m->names, &m->nnames,
		    d);
	m->names = calloc(1, sizeof(*m->names));
	if (m->names == NULL)
		return diag_errno(d, "cannot list the exports");
	strlcpy(m->names[0], only, sizeof(m->names[0]));
	m->nnames = 1;
	return 0;
}

static int
merge(struct listing *l, const char *only, struct diag *d)
{
	struct merge m = { .view = l->view };
	size_t room;

	if (state_names(l, only, &m, d) != 0)
		return -1;
	room = m.nnames + (l->view != NULL ? l->view->count : 0);
	if ((l->rows = calloc(room + 1, sizeof(*l->rows))) == NULL) {
		free(m.names);
		return diag_errno(d, "cannot list the exports");
	}
	while (next(&m, &l->rows[l->count])) {
		struct listing_row *r = &l->rows[l->count];

		fill(l, r);
		/* It was removed between the two looks. */
		if (!r->answered && r->entry == NULL && r->state.error == NULL)
			memset(r, 0, sizeof(*r));
		else
			l->count++;
	}
	free(m.names);
	return 0;
}

/* --- counters ------------------------------------------------------------- */

static void
add_totals(struct stats_totals *t, const struct stats_totals *more)
{
	for (size_t i = 0; i < STATS_COMMANDS; i++)
		t->requests[i] += more->requests[i];
	t->errors += more->errors;
	t->bytes_read += more->bytes_read;
	t->bytes_written += more->bytes_written;
	for (size_t i = 0; i < STATS_LATENCIES; i++)
		t->latency[i] += more->latency[i];
	t->latency_ns += more->latency_ns;
}

/* All lists are sorted by name, so one walk along them is enough. */
static void
count(struct listing *l)
{
	const struct stats_snapshot *s = &l->stats;
	size_t e = 0, c = 0;

	for (struct listing_row *r = l->rows; r < l->rows + l->count; r++) {
		while (e < s->nexports &&
		    strcmp(s->exports[e].name, r->name) < 0)
			e++;
		for (; e < s->nexports &&
		    strcmp(s->exports[e].name, r->name) == 0; e++)
			add_totals(&r->totals, &s->exports[e].totals);
		while (c < s->nconns && strcmp(s->conns[c].name, r->name) < 0)
			c++;
		r->conns = s->conns + c;
		for (; c < s->nconns &&
		    strcmp(s->conns[c].name, r->name) == 0; c++)
			r->clients++;
	}
}

/* A daemon that was started anew has a new file. */
static void
read_counters(struct listing_source *s, struct listing *l)
{
	for (int tries = 0; tries < 2 && !l->counted; tries++) {
		if (s->stats == NULL)
			s->stats = stats_open(l->server.statefd, NULL);
		if (s->stats == NULL)
			return;
		l->counted = stats_read(s->stats, &l->stats, NULL) == 0;
		if (!l->counted)
			listing_end(s);
	}
}

static void
rate(struct listing *l, const struct listing *before)
{
	double seconds;

	if (before == NULL || !l->counted || !before->counted ||
	    l->stats.taken <= before->stats.taken)
		return;
	seconds = (double)(l->stats.taken - before->stats.taken) / 1e9;
	for (struct listing_row *r = l->rows; r < l->rows + l->count; r++) {
		const struct listing_row *b = listing_find(before, r->name);
		struct stats_totals was = { 0 };

		/* Counters that are lower are another export's. */
		if (b != NULL && b->totals.bytes_read <= r->totals.bytes_read &&
		    b->totals.bytes_written <= r->totals.bytes_written)
			was = b->totals;
		r->read_rate = (double)(r->totals.bytes_read -
		    was.bytes_read) / seconds;
		r->write_rate = (double)(r->totals.bytes_written -
		    was.bytes_written) / seconds;
	}
}

/* --- all of it ------------------------------------------------------------ */

struct wanted {
	const struct listing *before; /* NULL: none */
	const char *only;             /* NULL: all names */
};

static int
read_view(const struct tool *t, const struct wanted *w, struct view **view,
    struct diag *d)
{
	int rc = w->only != NULL ?
	    view_read_name(t->spoolfd, w->only, view, d) :
	    view_read(t->spoolfd, w->before != NULL ? w->before->view : NULL,
	    view, d);

	return rc == 0 ? 0 : diag_prefix(d, "cannot read the spool %s",
	    t->places.spool);
}

/* Without the spool there is still what the daemon says. */
static int
read_spool(struct listing_source *s, struct listing *l,
    const struct wanted *w, struct diag *d)
{
	struct tool *t = s->tool;
	int result;

	tool_close(t);
	result = tool_open_spool(t, false, d);
	if (result == 0)
		result = read_view(t, w, &l->view, d);
	if (result == 0)
		return 0;
	l->view_error = *d;
	l->view = NULL;
	return l->server.pid != 0 ? 0 : -1;
}

static struct listing *
take(struct listing_source *s, const struct wanted *w, struct diag *d)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		diag_errno(d, "cannot list the exports");
		return NULL;
	}
	if (server_open(&l->server, s->tool, d) != 0 ||
	    read_spool(s, l, w, d) != 0 || merge(l, w->only, d) != 0) {
		listing_free(l);
		return NULL;
	}
	listing_fetches(l, s->tool);
	if (l->server.pid != 0)
		read_counters(s, l);
	count(l);
	rate(l, w->before);
	return l;
}

struct listing *
listing_take(struct listing_source *s, const struct listing *before,
    struct diag *d)
{
	struct wanted w = { .before = before };

	return take(s, &w, d);
}

struct listing *
listing_take_one(struct listing_source *s, const char *name, struct diag *d)
{
	struct wanted w = { .only = name };

	return take(s, &w, d);
}

/* --- questions ------------------------------------------------------------ */

static int
by_name(const void *name, const void *row)
{
	return strcmp(name, ((const struct listing_row *)row)->name);
}

struct listing_row *
listing_find(const struct listing *l, const char *name)
{
	if (l->count == 0)
		return NULL;
	return bsearch(name, l->rows, l->count, sizeof(*l->rows), by_name);
}

const char *
listing_nearest(const struct listing *l, const char *name)
{
	const char **names = calloc(l->count + 1, sizeof(*names));
	const char *near = NULL;

	if (names == NULL)
		return NULL;
	for (size_t i = 0; i < l->count; i++)
		names[i] = l->rows[i].name;
	near = text_nearest(name, names, l->count, sizeof(*names));
	free(names);
	return near;
}

const char *
listing_status(const struct listing_row *r)
{
	if (r->fetching && fetch_pending(&r->fetch) &&
	    (!r->fetch.refresh || r->state.generation == 0))
		return status_names[r->fetch.status];
	if (r->fetching && r->fetch.status == STATUS_FAILED &&
	    r->state.generation == 0)
		return status_names[STATUS_FAILED];
	if (r->answered)
		return status_names[r->state.status];
	return r->state.error != NULL ? status_names[STATUS_FAILED] :
	    "unserved";
}

size_t
listing_old(const struct listing_row *r, uint64_t *list, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < r->clients; i++) {
		uint64_t number = r->conns[i].generation;
		size_t at = 0;

		while (at < n && list[at] > number)
			at++;
		if (number == r->state.generation ||
		    (at < n && list[at] == number) || n == max)
			continue;
		memmove(list + at + 1, list + at, (n - at) * sizeof(*list));
		list[at] = number;
		n++;
	}
	return n;
}

uint64_t
listing_requests(const struct stats_totals *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < STATS_COMMANDS; i++)
		sum += t->requests[i];
	return sum;
}

bool
listing_secure(const struct listing *l, const struct listing_row *r)
{
	return l->server.state.tls == CONFIG_TLS_REQUIRED ||
	    r->state.tls == RECORD_TLS_REQUIRE ||
	    (r->entry != NULL && record_needs_tls(&r->entry->record));
}
