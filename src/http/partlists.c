/* partlists: the dashboard's connections and events. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/eventlist.h"
#include "http/html.h"
#include "http/page.h"
#include "http/piece.h"
#include "tool/cell.h"
#include "tool/eventline.h"

/* --- connections ---------------------------------------------------------- */

/* One, and what it was a moment ago; rates negative: not known. */
struct shown {
	const struct listing_row *row;
	const struct stats_conn_row *conn;
	double age, read_rate, write_rate;
};

static void
client_cell(const struct page *p, const struct stats_conn_row *c)
{
	fputs("<th role=\"rowheader\" scope=\"row\"><span data-f=\"client\">",
	    p->out);
	html_text(p->out, c->address);
	fputs("</span> ", p->out);
	piece_span(p->out, "badge", "tls", c->tls ? "TLS" : NULL);
	fputs("</th>", p->out);
}

static void
generation_cell(const struct page *p, const struct shown *s)
{
	char number[PIECE_TEXT];
	const char *mark = NULL;

	if (!exports_current(s->row, s->conn))
		mark = s->row->state.status == STATUS_DRAINING ? "(removed)" :
		    "(old)";
	piece_cell_begin(p->out, "number", "Generation");
	piece_span(p->out, "", "generation", piece_number(number,
	    s->conn->generation));
	fputc(' ', p->out);
	piece_span(p->out, "stale", "old", mark);
	fputs("</td>", p->out);
}

static void
connection_row(const struct page *p, const struct shown *s)
{
	const struct stats_conn_row *c = s->conn;
	char text[PIECE_TEXT];

	fprintf(p->out, "<tr role=\"row\" data-key=\"%llx\">",
	    (unsigned long long)c->started);
	client_cell(p, c);
	piece_cell(p->out, "", "Export", "export", s->row->name);
	generation_cell(p, s);
	piece_cell(p->out, "number", "Connected for", "age", cell_age(text,
	    sizeof(text), s->age));
	piece_cell(p->out, "number", "Read/s", "read", piece_rate(text,
	    s->read_rate));
	piece_cell(p->out, "number", "Written/s", "written", piece_rate(text,
	    s->write_rate));
	piece_cell(p->out, "number", "Read", "bytes_read", piece_bytes(text,
	    c->totals.bytes_read));
	piece_cell(p->out, "number", "Written", "bytes_written",
	    piece_bytes(text, c->totals.bytes_written));
	fputs("</tr>\n", p->out);
}

/* Both lists are sorted by age, so one walk along them is enough. */
static const struct stats_conn_row *
earlier(const struct listing_row *b, size_t *at, const struct stats_conn_row *c)
{
	if (b == NULL)
		return NULL;
	while (*at < b->clients && b->conns[*at].started < c->started)
		++*at;
	return *at < b->clients && b->conns[*at].started == c->started &&
	    strcmp(b->conns[*at].address, c->address) == 0 ? &b->conns[*at] :
	    NULL;
}

static void
take_rates(struct shown *s, const struct page *p,
    const struct stats_conn_row *b)
{
	const struct stats_totals *now = &s->conn->totals;
	double seconds;

	s->read_rate = s->write_rate = -1;
	if (p->before == NULL || b == NULL ||
	    p->listing->stats.taken <= p->before->stats.taken)
		return;
	seconds = (double)(p->listing->stats.taken - p->before->stats.taken) /
	    1e9;
	s->read_rate = (double)(now->bytes_read - b->totals.bytes_read) /
	    seconds;
	s->write_rate = (double)(now->bytes_written -
	    b->totals.bytes_written) / seconds;
}

/* Those of one export; returns how many there is room for after them. */
static size_t
connection_rows(const struct page *p, const struct listing_row *r, size_t room)
{
	const struct listing_row *b = p->before != NULL ?
	    listing_find(p->before, r->name) : NULL;
	uint64_t taken = p->listing->stats.taken;
	struct shown s = { .row = r };
	size_t at = 0;

	for (size_t i = 0; i < r->clients && room > 0; i++, room--) {
		s.conn = &r->conns[i];
		s.age = taken > s.conn->started ?
		    (double)(taken - s.conn->started) / 1e9 : 0;
		take_rates(&s, p, earlier(b, &at, s.conn));
		connection_row(p, &s);
	}
	return room;
}

void
part_connections(const struct page *p)
{
	static const char *const columns[] = { "Client", "Export",
		"><abbr title=\"Generation\">Gen</abbr>", ">For", ">Read/s",
		">Written/s", ">Read", ">Written", NULL };
	static const struct stats_conn_row conn;
	static const struct listing_row row;
	const struct shown blank = { .row = &row, .conn = &conn };
	const struct listing *l = p->listing;
	size_t room = PAGE_CONNECTIONS;

	piece_table(p->out, "connections", "Connections", "", columns);
	for (size_t i = 0; l != NULL && i < l->count; i++)
		room = connection_rows(p, &l->rows[i], room);
	piece_table_end(p->out, room == PAGE_CONNECTIONS, "Nobody is "
	    "connected.");
	fprintf(p->out, "<p class=\"quiet\" id=\"more\"%s>The first %d are "
	    "shown; nbdmux-ls --connections has all of them.</p>\n",
	    room == 0 ? "" : " hidden", PAGE_CONNECTIONS);
	fputs("<template id=\"connections-row\">", p->out);
	connection_row(p, &blank);
	fputs("</template>\n", p->out);
}

/* --- events --------------------------------------------------------------- */

/* What has a column, or tells nothing to people. */
static bool
shown_elsewhere(const char *key)
{
	static const char *const keys[] = { "time", "event", "program",
		"export", "who" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

/* "generation 2, size 64M, image /srv/disk.img": all the rest. */
static void
details(FILE *out, const struct eventline *e)
{
	const char *comma = "";

	for (size_t i = 0; i < e->count; i++) {
		const struct eventline_member *m = &e->members[i];
		bool bytes = strcmp(m->key, "size") == 0 ||
		    strncmp(m->key, "bytes", 5) == 0;
		char text[PIECE_TEXT];

		if (eventline_null(m) || shown_elsewhere(m->key) ||
		    (!m->text && strcmp(m->value, "false") == 0))
			continue;
		fputs(comma, out);
		for (const char *c = m->key; *c != '\0'; c++)
			html_textf(out, "%c", *c == '_' ? ' ' : *c);
		fputc(' ', out);
		html_text(out, bytes ? piece_bytes(text, strtoull(m->value,
		    NULL, 10)) : m->value);
		comma = ", ";
	}
}

static const char *
get(const struct eventline *e, const char *key)
{
	const char *value = eventline_get(e, key);

	return value != NULL ? value : "";
}

static void
event_row(const struct page *p, const struct eventline *e)
{
	const char *event = get(e, "event");
	bool bad = strstr(event, "failed") != NULL;
	char time[32];

	snprintf(time, sizeof(time), "%s", get(e, "time"));
	time[strcspn(time, "T")] = ' ';
	time[strcspn(time, ".")] = '\0';
	fputs("<tr role=\"row\">", p->out);
	piece_cell(p->out, "time", "Time", "time", time);
	piece_cell(p->out, bad ? "failed" : "", "Event", "event", event);
	piece_cell(p->out, "", "Export", "export", get(e, "export"));
	piece_cell(p->out, "", "Who", "who", get(e, "who"));
	fputs("<td role=\"cell\" class=\"details\" data-label=\"Details\" "
	    "data-f=\"details\">", p->out);
	details(p->out, e);
	fputs("</td></tr>\n", p->out);
}

static size_t
event_rows(const struct page *p, const struct eventlog *l)
{
	struct eventline e;
	size_t shown = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (!eventline_parse(&e, l->lines[i], strlen(l->lines[i])))
			continue;
		event_row(p, &e);
		eventline_free(&e);
		shown++;
	}
	return shown;
}

void
part_events(const struct page *p)
{
	static const char *const columns[] = { "Time (UTC)", "Event", "Export",
		"Who", "Details", NULL };
	static const struct eventline blank;
	struct diag d = { "" };
	struct eventlog l;
	size_t shown = 0;

	piece_table(p->out, "events", "Events", "", columns);
	if (eventlist_read(p->http, &l, PAGE_EVENTS, NULL, &d) == 0) {
		shown = event_rows(p, &l);
		eventlog_free(&l);
	}
	piece_table_end(p->out, shown == 0 && d.text[0] == '\0',
	    "Nothing has happened yet.");
	if (d.text[0] != '\0')
		piece_alert(p->out, "error", d.text);
	fputs("<template id=\"events-row\">", p->out);
	event_row(p, &blank);
	fputs("</template>\n", p->out);
}
