/* page: puts the parts together, and takes the dashboard's forms. */
#include <string.h>

#include "http/change.h"
#include "http/exports.h"
#include "http/html.h"
#include "http/page.h"

void
page_error(struct http *h, unsigned status, const char *text)
{
	FILE *out = answer_begin(&h->answer, status, ANSWER_HTML);

	part_head(out, h, answer_reason(status));
	fputs("<main><h1>", out);
	html_text(out, answer_reason(status));
	fputs("</h1>\n<p role=\"alert\" class=\"error\">", out);
	html_text(out, text);
	fputs("</p>\n<p><a href=\"", out);
	html_text(out, h->request.base);
	fputs("/\">to the dashboard</a></p></main>\n", out);
	part_foot(out);
}

void
page_login(struct http *h, unsigned status, const char *error)
{
	FILE *out = answer_begin(&h->answer, status, ANSWER_HTML);

	part_head(out, h, "log in");
	fputs("<main class=\"login\"><h1>nbdmux</h1>\n<form method=\"post\" "
	    "action=\"", out);
	html_text(out, h->request.base);
	fputs("/ui/login\">\n", out);
	if (error != NULL) {
		fputs("<p role=\"alert\" class=\"error\" id=\"wrong\">", out);
		html_text(out, error);
		fputs("</p>\n", out);
	}
	fprintf(out, "<label for=\"password\">Password</label>\n"
	    "<input type=\"password\" id=\"password\" name=\"password\" "
	    "autocomplete=\"current-password\" required autofocus%s>\n"
	    "<button type=\"submit\">Log in</button>\n</form></main>\n",
	    error != NULL ? " aria-describedby=\"wrong\"" : "");
	part_foot(out);
}

static void
parts(struct page *p, struct http *h)
{
	part_head(p->out, h, "dashboard");
	fputs("<main>\n", p->out);
	part_notices(p);
	part_health(p);
	part_exports(p);
	part_connections(p);
	part_add(p);
	part_events(p);
	fputs("</main>\n", p->out);
	part_foot(p->out);
}

/* The dashboard; form and error when something is wrong with what was sent. */
static void
dashboard(struct http *h, unsigned status, const struct form *f,
    const char *error)
{
	struct page p = { .http = h, .form = f, .error = error };
	struct listing_source s;
	struct exports_view v;
	struct listing *l;

	listing_begin(&s, &h->tool);
	p.listing = l = listing_take(&s, NULL, &p.listing_error);
	if (l != NULL) {
		exports_open(&v, h, l);
		p.view = &v;
	}
	p.out = answer_begin(&h->answer, status, ANSWER_HTML);
	parts(&p, h);
	if (l != NULL)
		exports_close(&v);
	listing_free(l);
	listing_end(&s);
}

void
page_dashboard(struct http *h)
{
	dashboard(h, 200, NULL, NULL);
}

void
page_create(struct http *h)
{
	const struct buf *body = &h->request.body;
	unsigned status = 400;
	struct diag d = { "" };
	struct form f;

	if (form_parse(&f, body->len > 0 ? body->data : "", body->len, &d) == 0)
		status = change_add(h, &f, &d);
	if (status == 200)
		answer_redirect(&h->answer, h->request.base, "/");
	else
		dashboard(h, status, &f, d.text);
	form_free(&f);
}

void
page_delete(struct http *h)
{
	const char *name = h->match.args[0];
	struct diag d = { "" };
	unsigned status = 404;

	if (name_valid(name))
		status = change_remove(h, name, &d);
	if (status == 204)
		answer_redirect(&h->answer, h->request.base, "/");
	else
		dashboard(h, status, NULL, d.text[0] != '\0' ? d.text :
		    "there is no such export");
}
