/* exports: an export as programs see it. */
#ifndef HTTP_EXPORTS_H
#define HTTP_EXPORTS_H

#include "base/json.h"
#include "http/http.h"

/* What is asked once for all of them. */
struct exports_view {
	const struct listing *listing;
	char host[REQUEST_HOST_SIZE]; /* as the client calls us; "" */
	char url[REQUEST_HOST_SIZE + PATH_MAX]; /* where it calls us; "" */
	unsigned port;
	int artifactsfd; /* -1: there are none */
};
void exports_open(struct exports_view *v, const struct http *h,
    const struct listing *l);
void exports_close(struct exports_view *v);

/* One object: HTTP.md's record. */
void exports_record(struct json *j, const struct exports_view *v,
    const struct listing_row *r);

/* The contract's words for how it is. */
const char *exports_status(const struct listing_row *r);
/* Why it is not what it should be, or NULL. */
const char *exports_error(const struct listing *l,
    const struct listing_row *r);

/* Built-in ones and those that were not asked for are no exports here. */
bool exports_counts(const struct listing_row *r);

/* The row of a name that counts, or NULL. */
const struct listing_row *exports_find(const struct listing *l,
    const char *name);

/*
 * How to get there, appended: the NBD URI, what nbd-client(8) is told, the
 * iPXE script's URL.  0, or -1: there is none.
 */
int exports_uri(struct buf *b, const struct exports_view *v,
    const struct listing_row *r);
int exports_nbd_client(struct buf *b, const struct exports_view *v,
    const struct listing_row *r);
int exports_ipxe(struct buf *b, const struct exports_view *v,
    const struct listing_row *r);

/* What its present fetch does, or NULL: there is none at work. */
const char *exports_fetch(const struct listing_row *r);

/* A connection's content is what new ones get, too. */
bool exports_current(const struct listing_row *r,
    const struct stats_conn_row *c);

/*
 * Answer with the record of a name as it is now; 404 when it is not there.
 * asked: somebody has just asked for its source to be fetched.
 */
void exports_answer(struct http *h, const char *name, bool asked);

#endif
