/* part: the dashboard's parts, each a function that writes its HTML. */
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "http/eventlist.h"
#include "http/exports.h"
#include "http/html.h"
#include "http/page.h"
#include "tool/eventline.h"

/* --- the frame ------------------------------------------------------------ */

void
part_head(FILE *out, const struct http *h, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, "
	    "initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	    out);
	html_textf(out, "nbdmux: %s", title);
	fputs("</title>\n<link rel=\"stylesheet\" href=\"", out);
	html_text(out, h->request.base);
	fputs("/assets/nbdmux.css\">\n</head>\n<body>\n", out);
	if (!h->admin || h->auth.open)
		return;
	fputs("<form class=\"logout\" method=\"post\" action=\"", out);
	html_text(out, h->request.base);
	fputs("/ui/logout\"><button type=\"submit\">Log out</button></form>\n",
	    out);
}

void
part_foot(FILE *out)
{
	fputs("<footer><p>nbdmux " NBDMUX_VERSION "</p></footer>\n</body>\n"
	    "</html>\n", out);
}

/* --- small pieces --------------------------------------------------------- */

static void
cell(FILE *out, const char *text)
{
	fputs("<td>", out);
	html_text(out, text != NULL ? text : "");
	fputs("</td>", out);
}

static void
size_cell(FILE *out, uint64_t bytes)
{
	char text[SIZE_TEXT];

	fputs("<td class=\"number\">", out);
	html_text(out, bytes != 0 ? size_human(text, sizeof(text), bytes) :
	    "-");
	fputs("</td>", out);
}

static void
alert(FILE *out, const char *class, const char *text)
{
	fprintf(out, "<p role=\"alert\" class=\"%s\">", class);
	html_text(out, text);
	fputs("</p>\n", out);
}

/* --- what needs attention ------------------------------------------------- */

void
part_notices(const struct page *p)
{
	const struct listing *l = p->listing;

	if (p->http->auth.open)
		alert(p->out, "warning", "No admin password is set: whoever "
		    "reaches this page may change exports. Set "
		    "NBDMUX_ADMIN_PASSWORD or admin-password-file.");
	if (!p->http->configured)
		alert(p->out, "error", p->http->config_error.text);
	if (l == NULL)
		alert(p->out, "error", p->listing_error.text);
	else if (l->view_error.text[0] != '\0')
		alert(p->out, "error", l->view_error.text);
	if (p->error != NULL && p->form == NULL)
		alert(p->out, "error", p->error);
}

void
part_health(const struct page *p)
{
	const struct listing *l = p->listing;
	char when[32];

	fputs("<section id=\"health\"><h1>nbdmux</h1>\n", p->out);
	if (l == NULL || l->server.pid == 0)
		alert(p->out, "error", "The daemon nbdmuxd does not run.");
	else {
		fputs("<p class=\"well\">", p->out);
		html_textf(p->out, "The daemon %s runs since %s and listens at "
		    "%s.", l->server.state.version != NULL ?
		    l->server.state.version : "", text_time(when, sizeof(when),
		    (long long)l->server.state.started), l->server.state.listen
		    != NULL ? l->server.state.listen : "no address");
		fputs("</p>\n", p->out);
		if (l->server.state.error != NULL)
			alert(p->out, "error", l->server.state.error);
	}
	fputs("</section>\n", p->out);
}

/* --- exports -------------------------------------------------------------- */

static void
remove_cell(const struct page *p, const struct listing_row *r)
{
	fputs("<td>", p->out);
	if (r->entry != NULL) {
		fputs("<form method=\"post\" action=\"", p->out);
		html_textf(p->out, "%s/admin/delete_export/%s",
		    p->http->request.base, r->name);
		fputs("\"><button type=\"submit\" aria-label=\"", p->out);
		html_textf(p->out, "Remove %s", r->name);
		fputs("\">Remove</button></form>", p->out);
	}
	fputs("</td>", p->out);
}

static void
status_cell(const struct page *p, const struct listing_row *r)
{
	double percent = r->fetching ? fetch_percent(&r->fetch) : -1;
	const char *error = exports_error(p->listing, r);

	fprintf(p->out, "<td class=\"status %s\">", exports_status(r));
	html_text(p->out, exports_status(r));
	if (percent >= 0 && fetch_pending(&r->fetch)) {
		fprintf(p->out, " <progress max=\"100\" value=\"%.1f\" "
		    "aria-label=\"", percent);
		html_textf(p->out, "fetching %s", r->name);
		fprintf(p->out, "\">%.0f%%</progress>", percent);
	}
	if (error != NULL) {
		fputs("<br><span class=\"why\">", p->out);
		html_text(p->out, error);
		fputs("</span>", p->out);
	}
	fputs("</td>", p->out);
}

static void
export_row(const struct page *p, const struct listing_row *r)
{
	struct buf uri;

	fputs("<tr><th scope=\"row\">", p->out);
	html_text(p->out, r->name);
	fputs("</th>", p->out);
	cell(p->out, mode_names[r->state.mode]);
	size_cell(p->out, r->state.size);
	status_cell(p, r);
	fprintf(p->out, "<td class=\"number\">%llu</td>"
	    "<td class=\"number\">%zu</td>",
	    (unsigned long long)r->state.generation, r->clients);
	cell(p->out, r->state.description);
	buf_init(&uri, 4096);
	cell(p->out, exports_uri(&uri, p->view, r) == 0 ? uri.data : NULL);
	buf_free(&uri);
	remove_cell(p, r);
	fputs("</tr>\n", p->out);
}

void
part_exports(const struct page *p)
{
	const struct listing *l = p->listing;

	if (l == NULL)
		return;
	fputs("<section id=\"exports\"><h2>Exports</h2>\n"
	    "<div class=\"scroll\"><table><thead><tr>"
	    "<th scope=\"col\">Name</th><th scope=\"col\">Mode</th>"
	    "<th scope=\"col\">Size</th><th scope=\"col\">Status</th>"
	    "<th scope=\"col\">Generation</th><th scope=\"col\">Clients</th>"
	    "<th scope=\"col\">Description</th><th scope=\"col\">URI</th>"
	    "<th scope=\"col\">Remove</th></tr></thead>\n<tbody>\n", p->out);
	for (size_t i = 0; i < l->count; i++)
		if (exports_counts(&l->rows[i]))
			export_row(p, &l->rows[i]);
	fputs("</tbody></table></div></section>\n", p->out);
}

/* --- connections ---------------------------------------------------------- */

static void
connection_row(const struct page *p, const struct listing_row *r,
    const struct stats_conn_row *c)
{
	bool stale = r->state.status == STATUS_DRAINING ||
	    c->generation != r->state.generation;
	char when[32];

	fputs("<tr>", p->out);
	cell(p->out, c->address);
	cell(p->out, r->name);
	fprintf(p->out, "<td class=\"number%s\">%llu%s</td>",
	    stale ? " stale" : "", (unsigned long long)c->generation,
	    stale ? " (old)" : "");
	cell(p->out, text_time(when, sizeof(when),
	    (long long)(c->started / 1000000000)));
	size_cell(p->out, c->totals.bytes_read);
	size_cell(p->out, c->totals.bytes_written);
	fputs("</tr>\n", p->out);
}

void
part_connections(const struct page *p)
{
	const struct listing *l = p->listing;

	if (l == NULL)
		return;
	fputs("<section id=\"connections\"><h2>Connections</h2>\n"
	    "<div class=\"scroll\"><table><thead><tr>"
	    "<th scope=\"col\">Client</th><th scope=\"col\">Export</th>"
	    "<th scope=\"col\">Generation</th><th scope=\"col\">Since</th>"
	    "<th scope=\"col\">Read</th><th scope=\"col\">Written</th>"
	    "</tr></thead>\n<tbody>\n", p->out);
	for (const struct listing_row *r = l->rows; r < l->rows + l->count; r++)
		for (size_t i = 0; i < r->clients; i++)
			connection_row(p, r, &r->conns[i]);
	fputs("</tbody></table></div></section>\n", p->out);
}

/* --- adding --------------------------------------------------------------- */

/* Errors begin with the field that they are about. */
static bool
is_about(const struct page *p, const char *field)
{
	size_t len = strlen(field);

	return p->form != NULL && p->error != NULL &&
	    strncmp(p->error, field, len) == 0 && p->error[len] == ':';
}

static void
field(const struct page *p, const char *name, const char *label,
    const char *more)
{
	const char *value = p->form != NULL ? form_get(p->form, name) : NULL;
	bool wrong = is_about(p, name);

	fprintf(p->out, "<p><label for=\"%s\">%s</label>\n<input id=\"%s\" "
	    "name=\"%s\" %s", name, label, name, name, more);
	if (value != NULL) {
		fputs(" value=\"", p->out);
		html_text(p->out, value);
		fputs("\"", p->out);
	}
	if (wrong)
		fprintf(p->out, " aria-invalid=\"true\" "
		    "aria-describedby=\"%s-error\"", name);
	fputs(">\n", p->out);
	if (wrong) {
		fprintf(p->out, "<span role=\"alert\" class=\"error\" "
		    "id=\"%s-error\">", name);
		html_text(p->out, p->error + strlen(name) + 2);
		fputs("</span>\n", p->out);
	}
	fputs("</p>\n", p->out);
}

static void
mode_field(const struct page *p)
{
	const char *value = p->form != NULL ? form_get(p->form, "readonly") :
	    NULL;
	bool writable = value != NULL && strcmp(value, "no") == 0;

	fprintf(p->out, "<p><label for=\"readonly\">Clients may</label>\n"
	    "<select id=\"readonly\" name=\"readonly\">"
	    "<option value=\"yes\">read</option><option value=\"no\"%s>"
	    "read and write</option></select></p>\n",
	    writable ? " selected" : "");
}

void
part_add(const struct page *p)
{
	static const char *const fields[] = { "name", "file", "src_url",
		"sha256", "description" };
	bool told = p->form == NULL;

	fputs("<section id=\"add\"><h2>Add an export</h2>\n<form "
	    "method=\"post\" action=\"", p->out);
	html_text(p->out, p->http->request.base);
	fputs("/admin/create_export\">\n", p->out);
	for (size_t i = 0; i < 5; i++)
		told = told || is_about(p, fields[i]);
	if (!told)
		alert(p->out, "error", p->error);
	field(p, "name", "Name", "required maxlength=\"64\" "
	    "pattern=\"[A-Za-z0-9][A-Za-z0-9._\\-]*\"");
	field(p, "file", "File", "placeholder=\"/srv/images/disk.img\"");
	field(p, "src_url", "or URL",
	    "placeholder=\"https://example.org/disk.img.xz\"");
	field(p, "sha256", "SHA-256 of the URL's file", "spellcheck=\"false\"");
	field(p, "description", "Description", "");
	mode_field(p);
	fputs("<button type=\"submit\">Add</button>\n</form></section>\n",
	    p->out);
}

/* --- events --------------------------------------------------------------- */

static void
event_row(const struct page *p, const char *line)
{
	struct eventline e;

	if (!eventline_parse(&e, line, strlen(line)))
		return;
	fputs("<tr>", p->out);
	cell(p->out, eventline_get(&e, "time"));
	cell(p->out, eventline_get(&e, "event"));
	cell(p->out, eventline_get(&e, "export"));
	cell(p->out, eventline_get(&e, "who"));
	cell(p->out, eventline_get(&e, "error"));
	fputs("</tr>\n", p->out);
	eventline_free(&e);
}

void
part_events(const struct page *p)
{
	struct eventlog l;
	struct diag d;

	fputs("<section id=\"events\"><h2>Events</h2>\n", p->out);
	if (eventlist_read(p->http, &l, PAGE_EVENTS, NULL, &d) != 0) {
		alert(p->out, "error", d.text);
		fputs("</section>\n", p->out);
		return;
	}
	fputs("<div class=\"scroll\"><table><thead><tr>"
	    "<th scope=\"col\">Time</th><th scope=\"col\">Event</th>"
	    "<th scope=\"col\">Export</th><th scope=\"col\">Who</th>"
	    "<th scope=\"col\">Error</th></tr></thead>\n<tbody>\n", p->out);
	for (size_t i = 0; i < l.count; i++)
		event_row(p, l.lines[i]);
	fputs("</tbody></table></div></section>\n", p->out);
	eventlog_free(&l);
}
