/* part: the frame of all pages, and what the dashboard says first. */
#include <string.h>
#include <time.h>

#include "http/html.h"
#include "http/page.h"
#include "http/piece.h"
#include "tool/cell.h"

/* --- the frame ------------------------------------------------------------ */

/*
 * A browser without scripts asks again by itself, unless there is a form that
 * somebody may be typing into.
 */
static void
head_live(FILE *out, const char *root, enum part_kind kind)
{
	fprintf(out, "<script type=\"module\" src=\"%sassets/nbdmux.js?"
	    NBDMUX_VERSION "\"></script>\n", root);
	if (kind == PART_LIVE)
		fprintf(out, "<noscript><meta http-equiv=\"refresh\" "
		    "content=\"%d; url=%s\"></noscript>\n", PAGE_REFRESH, root);
}

void
part_head(FILE *out, const struct http *h, const char *title,
    enum part_kind kind)
{
	const char *root = page_root(h);

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, "
	    "initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	    out);
	html_textf(out, "nbdmux: %s", title);
	fprintf(out, "</title>\n<link rel=\"icon\" href=\"%sassets/nbdmux.svg"
	    "\">\n<link rel=\"stylesheet\" href=\"%sassets/nbdmux.css?"
	    NBDMUX_VERSION "\">\n", root, root);
	if (kind != PART_PLAIN)
		head_live(out, root, kind);
	fputs("</head>\n<body>\n", out);
}

void
part_foot(FILE *out)
{
	fputs("<footer><p>nbdmux " NBDMUX_VERSION "</p></footer>\n</body>\n"
	    "</html>\n", out);
}

/* --- how the daemon is ---------------------------------------------------- */

static void
health(const struct page *p)
{
	const struct health *y = &p->health;
	double now = (double)time(NULL);
	char up[32];

	fprintf(p->out, "<p id=\"health\" class=\"%s\">", y->well ? "well" :
	    "ill");
	if (y->well)
		html_textf(p->out, "The daemon answers; up %s, listening at "
		    "%s", cell_age(up, sizeof(up), now > (double)y->started ?
		    now - (double)y->started : 0), y->listen);
	else
		html_text(p->out, y->error.text);
	fputs("</p>\n", p->out);
}

void
part_banner(const struct page *p)
{
	fputs("<a class=\"skip\" href=\"#exports-title\">Skip to the exports"
	    "</a>\n<header>\n<h1>nbdmux</h1>\n", p->out);
	health(p);
	if (p->http->admin && !p->http->auth.open)
		fprintf(p->out, "<form class=\"logout\" method=\"post\" "
		    "action=\"%sui/logout\"><button type=\"submit\">Log out"
		    "</button></form>\n", p->root);
	fputs("</header>\n", p->out);
}

/* --- what needs attention ------------------------------------------------- */

/* What the script has to say, in two voices. */
static void
voices(const struct page *p)
{
	fprintf(p->out, "<p id=\"say\" role=\"status\" aria-live=\"polite\">"
	    "</p>\n<p id=\"trouble\" class=\"error\" role=\"alert\"%s>",
	    p->listing == NULL ? "" : " hidden");
	if (p->listing == NULL)
		html_text(p->out, p->listing_error.text);
	fputs("</p>\n", p->out);
}

void
part_notices(const struct page *p)
{
	const struct listing *l = p->listing;

	if (p->http->auth.open)
		piece_alert(p->out, "warning", "No admin password is set: "
		    "whoever reaches this page may change exports. Set "
		    "NBDMUX_ADMIN_PASSWORD or admin-password-file.");
	if (!p->http->configured)
		piece_alert(p->out, "error", p->http->config_error.text);
	if (l != NULL && l->view_error.text[0] != '\0')
		piece_alert(p->out, "error", l->view_error.text);
	if (p->health.warning.text[0] != '\0')
		piece_alert(p->out, "warning", p->health.warning.text);
	if (p->error != NULL && p->form == NULL)
		piece_alert(p->out, "error", p->error);
	voices(p);
	if (p->still)
		fprintf(p->out, "<noscript><p class=\"quiet\">This page does "
		    "not refresh itself. <a href=\"%s\">Show one that does"
		    "</a></p></noscript>\n", p->root);
	else
		fprintf(p->out, "<noscript><p class=\"quiet\">Refreshed every "
		    "%d seconds. <a href=\"%s?still#add\">Stop that and add an "
		    "export</a></p></noscript>\n", PAGE_REFRESH, p->root);
}

/* --- sums ----------------------------------------------------------------- */

static void
sum(FILE *out, const char *title, const char *field, const char *text,
    bool bad)
{
	fprintf(out, "<div><dt>%s</dt><dd class=\"%s\" data-f=\"%s\">", title,
	    bad ? "failed" : "", field);
	html_text(out, text);
	fputs("</dd></div>\n", out);
}

void
part_sums(const struct page *p)
{
	const struct listing *l = p->listing;
	size_t exports = 0, failed = 0, clients = 0;
	double reading = 0, writing = 0;
	char text[PIECE_TEXT];

	for (size_t i = 0; l != NULL && i < l->count; i++) {
		const struct listing_row *r = &l->rows[i];

		exports += exports_counts(r);
		failed += exports_counts(r) &&
		    strcmp(exports_status(r), "failed") == 0;
		clients += r->clients;
		reading += r->read_rate > 0 ? r->read_rate : 0;
		writing += r->write_rate > 0 ? r->write_rate : 0;
	}
	fputs("<dl id=\"sums\">\n", p->out);
	sum(p->out, "Exports", "exports", piece_number(text, exports),
	    false);
	sum(p->out, "Failed", "failed", piece_number(text, failed),
	    failed > 0);
	sum(p->out, "Connections", "clients", piece_number(text, clients),
	    false);
	sum(p->out, "Read/s", "reading", piece_rate(text, reading),
	    false);
	sum(p->out, "Written/s", "writing", piece_rate(text, writing),
	    false);
	fputs("</dl>\n", p->out);
}
