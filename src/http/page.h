/*
 * page: the pages for people.  The dashboard is made of parts, one function
 * each; etc/www/nbdmux.css, which the web server serves, is how it looks, and
 * nbdmux.js there keeps it up to date where scripts run.
 */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "http/exports.h"
#include "http/healthz.h"
#include "http/http.h"

#define PAGE_EVENTS 20
#define PAGE_CONNECTIONS 500 /* more are counted and not shown */
#define PAGE_REFRESH 10      /* s, in browsers without scripts */

/* A page that says what is wrong. */
void page_error(struct http *h, unsigned status, const char *text);

/* The login; error may be NULL. */
void page_login(struct http *h, unsigned status, const char *error);

/*
 * The way from the request's path to where we are, "./" or "../../": links are
 * relative, so whatever a proxy puts before the path they hold.
 */
const char *page_root(const struct http *h);

/* What the parts of the dashboard are made from. */
struct page {
	struct http *http;
	FILE *out;
	const char *root;
	struct health health;
	const struct listing *listing; /* NULL: it could not be taken, */
	struct diag listing_error;     /* because of that */
	const struct listing *before;  /* NULL: there are no rates */
	const struct exports_view *view; /* NULL without listing */
	const struct form *form; /* what was sent and is wrong; or NULL */
	const char *error;       /* why; or NULL */
	bool still; /* it does not refresh itself: somebody may type */
};

/* Of a page: without script, one that scripts or the browser refresh, one
 * that scripts alone do. */
enum part_kind { PART_PLAIN, PART_LIVE, PART_STILL };

/* The parts, from top to bottom; the part*.c have them. */
void part_head(FILE *out, const struct http *h, const char *title,
    enum part_kind kind);
void part_foot(FILE *out);
void part_banner(const struct page *p);
void part_notices(const struct page *p);
void part_sums(const struct page *p);
void part_exports(const struct page *p);
void part_connections(const struct page *p);
void part_add(const struct page *p);
void part_events(const struct page *p);

#endif
