/* exports: GET /exports and /export/NAME, from a listing. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "http/artifacts.h"
#include "http/exports.h"
#include "spool/netboot.h"
#include "tool/uri.h"

/* --- one of them ---------------------------------------------------------- */

bool
exports_counts(const struct listing_row *r)
{
	return !r->hidden && !r->state.builtin;
}

/* "unserved" is a word of ours: it will come when the daemon does. */
const char *
exports_status(const struct listing_row *r)
{
	const char *status = listing_status(r);

	return strcmp(status, "unserved") == 0 ? status_names[STATUS_QUEUED] :
	    status;
}

const char *
exports_error(const struct listing *l, const struct listing_row *r)
{
	if (r->state.error != NULL)
		return r->state.error;
	return l->server.pid == 0 ? "nbdmuxd does not run" : NULL;
}

static unsigned
first_port(const char *listen)
{
	const char *cursor = listen, *item;
	struct listen_addr a;
	char one[256];
	size_t len;

	while ((item = text_item(&cursor, &len)) != NULL) {
		snprintf(one, sizeof(one), "%.*s", (int)len, item);
		if (config_listen(&a, one, NULL) == 0 &&
		    a.kind == LISTEN_TCP && a.port != 0)
			return a.port;
	}
	return CONFIG_PORT;
}

void
exports_open(struct exports_view *v, const struct http *h,
    const struct listing *l)
{
	v->listing = l;
	request_hostname(&h->request, v->host, sizeof(v->host));
	v->port = first_port(l->server.pid != 0 ? l->server.state.listen :
	    h->config.listen);
	if (h->request.host[0] == '\0' || snprintf(v->url, sizeof(v->url),
	    "%s://%s%s", h->request.https ? "https" : "http", h->request.host,
	    h->request.base) >= (int)sizeof(v->url))
		v->url[0] = '\0';
	v->artifactsfd = artifacts_open(h);
}

void
exports_close(struct exports_view *v)
{
	if (v->artifactsfd != -1)
		close(v->artifactsfd);
}

int
exports_uri(struct buf *b, const struct exports_view *v,
    const struct listing_row *r)
{
	const char *listen = v->listing->server.state.listen;
	bool secure = listing_secure(v->listing, r);

	return v->host[0] != '\0' ?
	    uri_best_at(b, listen, v->host, r->name, secure) :
	    uri_best(b, listen, r->name, secure);
}

int
exports_nbd_client(struct buf *b, const struct exports_view *v,
    const struct listing_row *r)
{
	const char *host = v->host[0] != '\0' ? v->host : "localhost";

	return uri_nbd_client(b, v->listing->server.state.listen, host,
	    r->name, listing_secure(v->listing, r));
}

int
exports_ipxe(struct buf *b, const struct exports_view *v,
    const struct listing_row *r)
{
	if (v->url[0] == '\0' || !netboot_ready(v->artifactsfd, r->name))
		return -1;
	return buf_addf(b, "%s/ipxe/%s", v->url, r->name);
}

const char *
exports_fetch(const struct listing_row *r)
{
	return r->fetching && fetch_pending(&r->fetch) ?
	    status_names[r->fetch.status] : NULL;
}

bool
exports_current(const struct listing_row *r, const struct stats_conn_row *c)
{
	return r->state.status != STATUS_DRAINING &&
	    c->generation == r->state.generation;
}

static void
put_count(struct json *j, const char *key, bool known, uint64_t n)
{
	if (known)
		json_number(j, key, n);
	else
		json_null(j, key);
}

/* Where there was nothing to fetch, it was complete when it was served. */
static void
put_progress(struct json *j, const struct listing_row *r)
{
	const struct fetch *f = &r->fetch;
	double percent = r->fetching ? fetch_percent(f) : -1;
	uint64_t since = r->state.since;

	put_count(j, "bytes_total", r->fetching && f->bytes_total != 0,
	    f->bytes_total);
	put_count(j, "bytes_done", r->fetching && f->started != 0,
	    f->bytes_done);
	put_count(j, "bytes_rate", exports_fetch(r) != NULL &&
	    f->bytes_rate != 0, f->bytes_rate);
	if (percent >= 0)
		json_real(j, "progress", percent);
	else
		json_null(j, "progress");
	json_time(j, "enqueued_at", r->fetching ? f->enqueued : 0);
	json_time(j, "started_at", r->fetching ? f->started : 0);
	json_time(j, "completed_at", r->fetching ? f->completed : since);
	json_time(j, "updated_at", r->fetching && f->updated != 0 ?
	    f->updated : since);
}

static void
put_source(struct json *j, const struct listing_row *r)
{
	const struct record *record = r->entry != NULL && !r->entry->bad ?
	    &r->entry->record : NULL;

	json_string(j, "src_url", record != NULL ? record->source : NULL);
	json_string(j, "format", record != NULL &&
	    record->format != CONTENT_AUTO ?
	    record_content_names[record->format] : NULL);
}

static void
put_way(struct json *j, const char *key, int (*way)(struct buf *b,
    const struct exports_view *v, const struct listing_row *r),
    const struct exports_view *v, const struct listing_row *r)
{
	struct buf text;

	buf_init(&text, 4096);
	json_string(j, key, way(&text, v, r) == 0 ? text.data : NULL);
	buf_free(&text);
}

void
exports_record(struct json *j, const struct exports_view *v,
    const struct listing_row *r)
{
	const struct state_export *s = &r->state;
	char ref[PATH_MAX];

	json_open(j, NULL, '{');
	json_string(j, "name", r->name);
	json_string(j, "file", s->image != NULL ? s->image : "");
	json_bool(j, "readonly", s->mode == MODE_RO);
	json_string(j, "status", exports_status(r));
	json_string(j, "error", exports_error(v->listing, r));
	json_string(j, "fetch", exports_fetch(r));
	put_source(j, r);
	put_progress(j, r);
	json_number(j, "nbd_port", v->port);
	json_string(j, "netboot_ref", netboot_ref(v->artifactsfd, r->name, ref,
	    sizeof(ref)) ? ref : NULL);
	json_bool(j, "netboot_ready", netboot_ready(v->artifactsfd, r->name));
	json_string(j, "image", s->image);
	json_string(j, "mode", mode_names[s->mode]);
	json_number(j, "size", s->size);
	json_number(j, "generation", s->generation);
	json_number(j, "clients", r->clients);
	json_number(j, "bytes_read", r->totals.bytes_read);
	json_number(j, "bytes_written", r->totals.bytes_written);
	json_string(j, "description", s->description);
	put_way(j, "uri", exports_uri, v, r);
	put_way(j, "nbd_client", exports_nbd_client, v, r);
	put_way(j, "ipxe", exports_ipxe, v, r);
	json_close(j, '}');
}

/* --- the routes ----------------------------------------------------------- */

const struct listing_row *
exports_find(const struct listing *l, const char *name)
{
	const struct listing_row *r = listing_find(l, name);

	return r != NULL && exports_counts(r) ? r : NULL;
}

void
exports_list(struct http *h)
{
	struct listing_source s;
	struct exports_view v;
	struct listing *l = http_listing(h, &s, NULL);
	struct json j = { 0 };

	if (l == NULL)
		return;
	exports_open(&v, h, l);
	j.out = answer_begin(&h->answer, 200, ANSWER_JSON);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < l->count; i++)
		if (exports_counts(&l->rows[i]))
			exports_record(&j, &v, &l->rows[i]);
	json_close(&j, ']');
	fputc('\n', j.out);
	exports_close(&v);
	listing_free(l);
	listing_end(&s);
}

/*
 * What was just asked for is queued, even when the daemon was so quick that it
 * is under way, or has failed: programs wait for that afterwards.
 */
static void
as_queued(struct listing_row *r)
{
	uint64_t enqueued = r->fetch.enqueued;
	unsigned is = r->fetch.status;

	if (!r->fetching || is == STATUS_QUEUED || is == STATUS_READY)
		return;
	fetch_clear(&r->fetch);
	r->fetch.status = STATUS_QUEUED;
	r->fetch.enqueued = enqueued;
	free(r->state.error);
	r->state.error = NULL;
}

void
exports_answer(struct http *h, const char *name, bool asked)
{
	struct listing_source s;
	struct exports_view v;
	struct listing *l = http_listing(h, &s, name);
	struct listing_row *r;
	struct json j = { 0 };

	if (l == NULL)
		return;
	r = listing_find(l, name);
	if (r != NULL && exports_counts(r)) {
		if (asked)
			as_queued(r);
		exports_open(&v, h, l);
		j.out = answer_begin(&h->answer, 200, ANSWER_JSON);
		exports_record(&j, &v, r);
		fputc('\n', j.out);
		exports_close(&v);
	} else
		http_error(h, 404, "there is no export %s", name);
	listing_free(l);
	listing_end(&s);
}

void
exports_show(struct http *h)
{
	const char *name = http_name(h);

	if (name != NULL)
		exports_answer(h, name, false);
}
