/* page: puts the parts together, and takes the dashboard's forms. */
#include <string.h>
#include <time.h>

#include "http/change.h"
#include "http/html.h"
#include "http/page.h"

#define MOMENT 200000000 /* ns */

const char *
page_root(const struct http *h)
{
	static const char up[] = "../../../../../../../../";
	size_t depth = 0, most = (sizeof(up) - 1) / 3;

	for (const char *c = h->request.path; *c != '\0'; c++)
		depth += *c == '/';
	if (depth <= 1)
		return "./";
	return up + 3 * (most - (depth - 1 < most ? depth - 1 : most));
}

void
page_error(struct http *h, unsigned status, const char *text)
{
	FILE *out = answer_begin(&h->answer, status, ANSWER_HTML);

	part_head(out, h, answer_reason(status), PART_PLAIN);
	fputs("<main><h1>", out);
	html_text(out, answer_reason(status));
	fputs("</h1>\n<p role=\"alert\" class=\"error\">", out);
	html_text(out, text);
	fprintf(out, "</p>\n<p><a href=\"%s\">to the dashboard</a></p>"
	    "</main>\n", page_root(h));
	part_foot(out);
}

void
page_login(struct http *h, unsigned status, const char *error)
{
	FILE *out = answer_begin(&h->answer, status, ANSWER_HTML);

	part_head(out, h, "log in", PART_PLAIN);
	fprintf(out, "<main class=\"login\"><h1>nbdmux</h1>\n<form "
	    "method=\"post\" action=\"%sui/login\">\n", page_root(h));
	if (error != NULL) {
		fputs("<p role=\"alert\" class=\"error\" id=\"wrong\">", out);
		html_text(out, error);
		fputs("</p>\n", out);
	}
	/* Password managers want to know whose it is. */
	fputs("<input name=\"username\" value=\"admin\" "
	    "autocomplete=\"username\" hidden>\n", out);
	fprintf(out, "<label for=\"password\">Password</label>\n"
	    "<input type=\"password\" id=\"password\" name=\"password\" "
	    "autocomplete=\"current-password\" required autofocus%s>\n"
	    "<button type=\"submit\" class=\"main\">Log in</button>\n</form></main>\n",
	    error != NULL ? " aria-describedby=\"wrong\"" : "");
	part_foot(out);
}

static void
parts(struct page *p, struct http *h)
{
	part_head(p->out, h, "dashboard", p->still ? PART_STILL : PART_LIVE);
	part_banner(p);
	fputs("<main>\n", p->out);
	part_notices(p);
	part_sums(p);
	part_exports(p);
	part_connections(p);
	part_add(p);
	part_events(p);
	fputs("</main>\n", p->out);
	part_foot(p->out);
}

/* Rates come from two looks: there is nobody who keeps an older one. */
static struct listing *
look_again(struct listing_source *s, const struct listing *before,
    struct diag *d)
{
	const struct timespec moment = { .tv_nsec = MOMENT };

	nanosleep(&moment, NULL);
	return listing_take(s, before, d);
}

/* The dashboard; form and error when something is wrong with what was sent. */
static void
dashboard(struct http *h, unsigned status, const struct form *f,
    const char *error)
{
	struct page p = { .http = h, .root = page_root(h), .form = f,
		.error = error };
	struct listing *l, *before = NULL;
	struct listing_source s;
	struct exports_view v;

	p.still = error != NULL || strcmp(h->request.query, "still") == 0;
	healthz_ask(&p.health, h);
	listing_begin(&s, &h->tool);
	l = listing_take(&s, NULL, &p.listing_error);
	if (l != NULL && l->stats.nconns > 0 && error == NULL)
		l = look_again(&s, before = l, &p.listing_error);
	p.listing = l;
	p.before = before;
	if (l != NULL) {
		exports_open(&v, h, l);
		p.view = &v;
	}
	p.out = answer_begin(&h->answer, status, ANSWER_HTML);
	parts(&p, h);
	if (l != NULL)
		exports_close(&v);
	listing_free(l);
	listing_free(before);
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
