/*
 * partexports: the dashboard's exports.  The row of a nameless one is the
 * template that the script makes rows of; labels end with the name.
 */
#include <string.h>

#include "http/html.h"
#include "http/page.h"
#include "http/piece.h"
#include "tool/progress.h"

/* --- cells ---------------------------------------------------------------- */

static void
label(FILE *out, const char *what, const char *name)
{
	fputs(" aria-label=\"", out);
	html_textf(out, "%s %s", what, name);
	fputc('"', out);
}

static void
fetch(const struct page *p, const struct listing_row *r)
{
	bool pending = exports_fetch(r) != NULL &&
	    r->fetch.status != STATUS_QUEUED;
	double percent = pending ? fetch_percent(&r->fetch) : -1;
	char far[128] = "";

	if (pending)
		progress_far(far, sizeof(far), &r->fetch,
		    (double)r->fetch.bytes_rate);
	fprintf(p->out, "<span class=\"fetch\" data-f=\"fetch\"%s><progress "
	    "data-f=\"progress\" max=\"100\"", pending ? "" : " hidden");
	if (percent >= 0)
		fprintf(p->out, " value=\"%.1f\"", percent);
	label(p->out, "Fetching", r->name);
	fputs("></progress> ", p->out);
	piece_span(p->out, "far", "far", far);
	fputs("</span>", p->out);
}

static void
status_cell(const struct page *p, const struct listing_row *r)
{
	const char *status = exports_status(r);

	piece_cell_begin(p->out, "", "Status");
	fprintf(p->out, "<span class=\"status %s\" data-f=\"status\">", status);
	html_text(p->out, status);
	fputs("</span>", p->out);
	fetch(p, r);
	piece_span(p->out, "why", "error", p->listing != NULL ?
	    exports_error(p->listing, r) : NULL);
	fputs("</td>", p->out);
}

static void
clients_cell(const struct page *p, const struct listing_row *r)
{
	char number[PIECE_TEXT], old[PIECE_TEXT] = "";
	size_t n = 0;

	for (size_t i = 0; i < r->clients; i++)
		n += !exports_current(r, &r->conns[i]);
	if (n > 0)
		snprintf(old, sizeof(old), "(%zu old)", n);
	piece_cell_begin(p->out, "number", "Clients");
	piece_span(p->out, "", "clients", piece_number(number, r->clients));
	fputc(' ', p->out);
	piece_span(p->out, "stale", "old", old);
	fputs("</td>", p->out);
}

/* --- how to get there ----------------------------------------------------- */

struct way {
	const char *field, *title, *label;
	int (*make)(struct buf *b, const struct exports_view *v,
	    const struct listing_row *r);
	bool link;
};

static const struct way ways[] = {
	{ "nbd_client", "nbd-client", "Copy the nbd-client line of",
	    exports_nbd_client, false },
	{ "uri", "URI", "Copy the URI of", exports_uri, true },
	{ "ipxe", "iPXE", "Copy the iPXE URL of", exports_ipxe, true },
};

/* A button for the script; without one it is something to select. */
static void
way(const struct page *p, const struct listing_row *r, const struct way *w)
{
	struct buf text;
	bool known;

	buf_init(&text, 8192);
	known = p->view != NULL && r->name[0] != '\0' &&
	    w->make(&text, p->view, r) == 0;
	fprintf(p->out, "<button type=\"button\" class=\"copy\" hidden "
	    "data-f=\"%s\"", w->field);
	if (known)
		piece_attribute(p->out, "data-copy", text.data);
	label(p->out, w->label, r->name);
	fprintf(p->out, ">%s</button>", w->title);
	if (known && w->link) {
		fputs("<noscript><a", p->out);
		piece_attribute(p->out, "href", text.data);
		fprintf(p->out, ">%s</a></noscript>", w->title);
	} else if (known) {
		fputs("<noscript><code>", p->out);
		html_text(p->out, text.data);
		fputs("</code></noscript>", p->out);
	}
	buf_free(&text);
}

static void
attach_cell(const struct page *p, const struct listing_row *r)
{
	piece_cell_begin(p->out, "ways", "Copy");
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		way(p, r, &ways[i]);
	fputs("</td>", p->out);
}

/* --- removing ------------------------------------------------------------- */

/* Opened it asks whether that is meant. */
static void
remove_cell(const struct page *p, const struct listing_row *r)
{
	bool may = r->entry != NULL || r->name[0] == '\0';

	piece_cell_begin(p->out, "remove", "");
	fprintf(p->out, "<details data-f=\"remove\"%s><summary",
	    may ? "" : " hidden");
	label(p->out, "Remove", r->name);
	fprintf(p->out, ">Remove</summary>\n<form method=\"post\" "
	    "action=\"%sadmin/delete_export/", p->root);
	html_text(p->out, r->name);
	fputs("\"><p><b>Remove <span data-f=\"which\">", p->out);
	html_text(p->out, r->name);
	fputs("</span>?</b> Clients may finish. A fetched image goes with it, "
	    "a file of yours stays.</p><button type=\"submit\" "
	    "class=\"danger\"", p->out);
	label(p->out, "Yes, remove", r->name);
	fputs(">Yes, remove</button><p class=\"error\" role=\"alert\" "
	    "data-f=\"refused\" hidden></p></form></details></td>", p->out);
}

/* --- rows ----------------------------------------------------------------- */

static void
name_cell(const struct page *p, const struct listing_row *r)
{
	fputs("<th role=\"rowheader\" scope=\"row\"><span class=\"name\" "
	    "data-f=\"name\">", p->out);
	html_text(p->out, r->name);
	fputs("</span>", p->out);
	piece_span(p->out, "about", "description", r->state.description);
	fputs("</th>", p->out);
}

static void
export_row(const struct page *p, const struct listing_row *r)
{
	char text[PIECE_TEXT];

	fputs("<tr role=\"row\"", p->out);
	piece_attribute(p->out, "data-key", r->name);
	fputc('>', p->out);
	name_cell(p, r);
	piece_cell(p->out, "", "Mode", "mode", mode_names[r->state.mode]);
	piece_cell(p->out, "number", "Size", "size",
	    piece_size(text, r->state.size));
	status_cell(p, r);
	piece_cell(p->out, "number", "Generation", "generation",
	    r->state.generation != 0 ? piece_number(text, r->state.generation) :
	    "-");
	clients_cell(p, r);
	piece_cell(p->out, "number", "Read/s", "read", piece_rate(text,
	    r->clients > 0 ? r->read_rate : 0));
	piece_cell(p->out, "number", "Written/s", "written", piece_rate(text,
	    r->clients > 0 ? r->write_rate : 0));
	piece_cell_begin(p->out, "trend", "Last minute");
	fputs("<svg class=\"spark\" data-f=\"spark\" viewBox=\"0 0 60 20\" "
	    "preserveAspectRatio=\"none\" role=\"img\"", p->out);
	label(p->out, "Throughput of", r->name);
	fputs(" hidden><path class=\"area\"></path><path class=\"line\">"
	    "</path></svg></td>", p->out);
	attach_cell(p, r);
	remove_cell(p, r);
	fputs("</tr>\n", p->out);
}

void
part_exports(const struct page *p)
{
	static const char *const columns[] = { "Name", "Mode", ">Size",
		"Status", "><abbr title=\"Generation\">Gen</abbr>",
		">Clients", ">Read/s", ">Written/s", "Last minute", "Copy",
		">Remove", NULL };
	static const struct listing_row blank;
	const struct listing *l = p->listing;
	size_t shown = 0;

	piece_table(p->out, "exports", "Exports", "<input type=\"search\" "
	    "id=\"filter\" aria-label=\"Show exports whose name or "
	    "description has\" placeholder=\"Filter\" autocomplete=\"off\" "
	    "spellcheck=\"false\" hidden>\n", columns);
	for (size_t i = 0; l != NULL && i < l->count; i++)
		if (exports_counts(&l->rows[i])) {
			export_row(p, &l->rows[i]);
			shown++;
		}
	piece_table_end(p->out, shown == 0, "There are no exports yet.");
	fputs("<template id=\"exports-row\">", p->out);
	export_row(p, &blank);
	fputs("</template>\n", p->out);
}
