/*
 * page: the pages for people.  The dashboard is made of parts, one function
 * each; etc/www/nbdmux.css, which the web server serves, is how it looks.
 */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "http/http.h"

#define PAGE_EVENTS 20

/* A page that says what is wrong. */
void page_error(struct http *h, unsigned status, const char *text);

/* The login; error may be NULL. */
void page_login(struct http *h, unsigned status, const char *error);

/* What the parts of the dashboard are made from. */
struct page {
	struct http *http;
	FILE *out;
	const struct listing *listing; /* NULL: it could not be taken, */
	struct diag listing_error;     /* because of that */
	const struct exports_view *view;
	const struct form *form; /* what was sent and is wrong; or NULL */
	const char *error;       /* why; or NULL */
};

/* The parts, from top to bottom; part.c has them. */
void part_head(FILE *out, const struct http *h, const char *title);
void part_foot(FILE *out);
void part_notices(const struct page *p);
void part_health(const struct page *p);
void part_exports(const struct page *p);
void part_connections(const struct page *p);
void part_add(const struct page *p);
void part_events(const struct page *p);

#endif
