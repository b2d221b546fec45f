/* http: one request on its way to an answer; what all handlers work on. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>

#include "base/diag.h"
#include "http/answer.h"
#include "http/auth.h"
#include "http/form.h"
#include "http/request.h"
#include "http/route.h"
#include "spool/config.h"
#include "tool/listing.h"
#include "tool/tool.h"

#define HTTP_PROGRAM "nbdmux.cgi"
#define HTTP_PATIENCE 1.5 /* s that the daemon has: clients wait for two */

struct http {
	struct tool tool;
	struct config config;
	bool configured;          /* config could be read */
	struct diag config_error; /* why not */
	struct request request;
	struct answer answer;
	struct auth auth;
	bool admin;               /* this one may change things */
	struct route_match match;
	int turn;                 /* to change an export, up to the answer; -1 */
	char who[256];            /* for events */
};

/* Answer the one request of this process; its exit status. */
int http_run(struct http *h);

/* Places, configuration, password: 0, or -1: no memory. */
int http_init(struct http *h);
void http_free(struct http *h);

/*
 * Everything there is, or all about one export; NULL: it has been answered
 * that this fails.
 */
struct listing *http_listing(struct http *h, struct listing_source *s,
    const char *name);

/* The first star of the route's pattern as an export's name; NULL: 404 said. */
const char *http_name(struct http *h);

/* An error, as a page for pages and as JSON for programs. */
void http_error(struct http *h, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* An event of somebody on the network; see tell_begin(). */
void http_tell(struct http *h, const char *event, const char *reason);

/* A wrong password: an event, and a line when it could not be counted. */
void http_wrong(struct http *h);

extern const struct route http_routes[];

/* The handlers, by the file that they are in. */
void exports_list(struct http *h);
void exports_show(struct http *h);
void change_post(struct http *h);
void change_delete(struct http *h);
void page_dashboard(struct http *h);
void page_create(struct http *h);
void page_delete(struct http *h);
void login_form(struct http *h);
void login_post(struct http *h);
void login_end(struct http *h);
void healthz_show(struct http *h);
void artifacts_show(struct http *h);
void ipxe_show(struct http *h);
void metrics_show(struct http *h);
void eventlist_show(struct http *h);
void clients_list(struct http *h);

#endif
