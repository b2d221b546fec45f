/*
 * download: an image into its part.  A connection that ends early is gone on
 * with where it was, as long as the server says that it is the same version
 * (RFC 9110, 13.1.5 and 14.2).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "fetch/sparse.h"
#include "fetch/webpriv.h"

#define ADVANCE (UINT64_C(1) << 20) /* bytes that are worth a new beginning */
#define HEADER_MAX 1024

struct download {
	struct web *web;
	struct part *part;
	const char *url;
	const char *etag, *modified; /* of what is there, or NULL */
	uint64_t asked;  /* the range begins here; 0: all was asked for */
	bool begun;      /* the answer was looked at */
	bool restart;    /* the range was none: from the beginning */
	bool broken;     /* error says what is wrong, on our side */
	bool full;       /* the disk is */
	uint64_t flushed; /* ns, CLOCK_MONOTONIC */
	struct diag error;
	/* The last answer's: */
	char new_etag[HEADER_MAX], new_modified[HEADER_MAX];
	char range[HEADER_MAX];
};

/* --- the answer's header -------------------------------------------------- */

static void
take(char dst[HEADER_MAX], const char *name, const char *line, size_t len)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) != 0)
		return;
	for (line += n, len -= n; len > 0 && strchr(" \t", *line) != NULL;
	    line++)
		len--;
	while (len > 0 && strchr("\r\n \t", line[len - 1]) != NULL)
		len--;
	if (len >= HEADER_MAX)
		return;
	memcpy(dst, line, len);
	dst[len] = '\0';
}

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct download *w = arg;
	size_t len = size * n;

	/* The next answer after a redirection. */
	if (len > 5 && strncasecmp(line, "HTTP/", 5) == 0)
		w->new_etag[0] = w->new_modified[0] = w->range[0] = '\0';
	take(w->new_etag, "etag:", line, len);
	take(w->new_modified, "last-modified:", line, len);
	take(w->range, "content-range:", line, len);
	return len;
}

/* What could not be kept in a file of ours is as good as not there. */
static const char *
usable(const char *value)
{
	for (const char *c = value; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			return NULL;
	return value[0] != '\0' ? value : NULL;
}

static long
answer_code(const struct download *w)
{
	long code = 0;

	curl_easy_getinfo(w->web->easy, CURLINFO_RESPONSE_CODE, &code);
	return code;
}

static int
broken(struct download *w)
{
	w->broken = true;
	w->full = errno == ENOSPC || errno == EDQUOT;
	return -1;
}

/* All of it, whatever was asked for. */
static int
begin_whole(struct download *w)
{
	curl_off_t len = -1;
	uint64_t total;

	curl_easy_getinfo(w->web->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
	    &len);
	total = len > 0 ? (uint64_t)len : 0;
	if (part_restart(w->part, &w->error) == -1 ||
	    sparse_room(w->part->fd, total, &w->error) == -1 ||
	    part_describe(w->part, usable(w->new_etag),
	    usable(w->new_modified), total, &w->error) == -1)
		return broken(w);
	return 0;
}

/* The rest: does it begin where we are, of the version that we have? */
static int
begin_rest(struct download *w)
{
	const struct part_facts *f = &w->part->facts;
	uint64_t from = 0, to = 0, total = 0;
	int n = sscanf(w->range, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64,
	    &from, &to, &total);
	bool other = f->etag != NULL && w->new_etag[0] != '\0' &&
	    strcmp(f->etag, w->new_etag) != 0;

	if (n < 2 || from != w->part->len || other || (n == 3 &&
	    f->total != 0 && f->total != total)) {
		w->restart = true;
		return -1;
	}
	if (n == 3 && (sparse_room(w->part->fd, total - from, &w->error) ==
	    -1 || (f->total == 0 && part_describe(w->part, f->etag != NULL ?
	    usable(w->new_etag) : NULL, usable(w->new_modified), total,
	    &w->error) == -1)))
		return broken(w);
	return 0;
}

static int
begin(struct download *w)
{
	long code = answer_code(w);

	w->begun = true;
	if (code == 206 && w->asked > 0)
		return begin_rest(w);
	if (code == 200)
		return begin_whole(w);
	diag_set(&w->error, "%s: the server answers with %ld, which is not "
	    "understood", w->url, code);
	return broken(w);
}

/* --- the answer's body ---------------------------------------------------- */

static size_t
on_data(char *data, size_t size, size_t n, void *arg)
{
	struct download *w = arg;

	if (web_leads(w->web))
		return web_pass(w->web, size * n);
	if (!w->begun && begin(w) == -1)
		return 0;
	if (part_write(w->part, data, size * n, &w->error) == -1) {
		broken(w);
		return 0;
	}
	return size * n;
}

/* A slow download is seen by others, too. */
static int
flush(struct download *w)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC);

	if (w->broken || now - w->flushed < CLOCK_SECOND)
		return 0;
	w->flushed = now;
	return part_flush(w->part, &w->error) == -1 ? broken(w) : 0;
}

static int
on_progress(void *arg, curl_off_t total, curl_off_t done, curl_off_t up,
    curl_off_t sent)
{
	struct download *w = arg;

	(void)total;
	(void)done;
	(void)up;
	(void)sent;
	if (flush(w) == -1)
		return 1;
	if (w->web->tick != NULL)
		w->web->tick(w->web->arg);
	return *w->web->stop || part_aborted(w->part);
}

/* --- the question --------------------------------------------------------- */

static int
add_header(struct curl_slist **list, const char *name, const char *value)
{
	char line[HEADER_MAX + 64];
	struct curl_slist *more;

	if (value == NULL)
		return 0;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	more = curl_slist_append(*list, line);
	if (more == NULL)
		return -1;
	*list = more;
	return 0;
}

static int
make_headers(struct download *w, struct curl_slist **list)
{
	const struct part_facts *f = &w->part->facts;

	if (w->asked > 0)
		return add_header(list, "If-Range", f->etag != NULL &&
		    f->etag[0] == '"' ? f->etag : f->modified);
	if (add_header(list, "If-None-Match", w->etag) == -1)
		return -1;
	return w->etag != NULL ? 0 : add_header(list, "If-Modified-Since",
	    w->modified);
}

static void
set_options(struct download *w)
{
	CURL *c = w->web->easy;
	char range[32];

	snprintf(range, sizeof(range), "%" PRIu64 "-", w->asked);
	if (w->asked > 0)
		curl_easy_setopt(c, CURLOPT_RANGE, range);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, w);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, w);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, w);
}

/* One request, with what was received written. */
static CURLcode
perform(struct download *w)
{
	struct curl_slist *headers = NULL;
	CURLcode rc = CURLE_OUT_OF_MEMORY;

	w->begun = w->restart = false;
	w->asked = part_resumable(w->part) ? w->part->len : 0;
	if (make_headers(w, &headers) == 0 &&
	    web_prepare(w->web, w->url, headers, &w->error) == 0) {
		set_options(w);
		rc = web_perform(w->web);
		/* An answer without a body is one, too. */
		if (rc == CURLE_OK && !w->begun && answer_code(w) != 304)
			begin(w);
	}
	curl_slist_free_all(headers);
	if (!w->broken && part_flush(w->part, &w->error) == -1)
		broken(w);
	return rc;
}

/* --- what came of it ------------------------------------------------------ */

/* 416: there is nothing after what we have, since we have it all; or not. */
static bool
is_complete(const struct download *w)
{
	uint64_t total = 0;

	return answer_code(w) == 416 && sscanf(w->range, "bytes */%" SCNu64,
	    &total) == 1 && total == w->part->len;
}

/* Shorter than the whole, although the connection ended well? */
static bool
is_short(const struct download *w)
{
	return w->part->facts.total != 0 &&
	    w->part->len != w->part->facts.total;
}

enum verdict { VERDICT_DONE, VERDICT_UNCHANGED, VERDICT_AGAIN, VERDICT_ANEW,
	VERDICT_FAILED, VERDICT_FULL, VERDICT_STOPPED };

static enum verdict
judge(struct download *w, CURLcode rc, struct diag *d)
{
	if (*w->web->stop || part_aborted(w->part))
		return VERDICT_STOPPED;
	if (w->broken) {
		*d = w->error;
		return w->full ? VERDICT_FULL : VERDICT_FAILED;
	}
	if (rc == CURLE_OK && answer_code(w) == 304)
		return VERDICT_UNCHANGED;
	if (w->restart || (rc == CURLE_HTTP_RETURNED_ERROR &&
	    answer_code(w) == 416 && !is_complete(w))) {
		diag_set(d, "%s: the server does not go on where it was",
		    w->url);
		return VERDICT_ANEW;
	}
	if (rc == CURLE_HTTP_RETURNED_ERROR && is_complete(w))
		return VERDICT_DONE;
	if (rc == CURLE_OK && !is_short(w))
		return VERDICT_DONE;
	if (rc == CURLE_OK) {
		diag_set(d, "%s: %" PRIu64 " of %" PRIu64 " bytes came", w->url,
		    w->part->len, w->part->facts.total);
		return VERDICT_AGAIN;
	}
	return web_explain(w->web, rc, w->url, d) == AGAIN_SOON ?
	    VERDICT_AGAIN : VERDICT_FAILED;
}

static enum verdict
one_try(struct download *w, struct diag *d)
{
	enum verdict v = judge(w, perform(w), d);

	if (v == VERDICT_ANEW) {
		v = VERDICT_AGAIN;
		if (part_restart(w->part, d) == -1)
			v = VERDICT_FAILED;
	}
	return v;
}

enum web_result
web_download(struct web *web, struct part *p, const char *etag,
    const char *modified, struct diag *d)
{
	struct download w = { .web = web, .part = p, .etag = etag,
		.modified = modified, .url = p->facts.source };
	static const enum web_result results[] = {
		[VERDICT_DONE] = WEB_DONE,
		[VERDICT_UNCHANGED] = WEB_UNCHANGED,
		[VERDICT_FAILED] = WEB_FAILED,
		[VERDICT_FULL] = WEB_FULL,
		[VERDICT_STOPPED] = WEB_STOPPED,
	};
	unsigned tries = 0;

	/* All that was left to do when it was interrupted was the rest. */
	if (p->facts.total != 0 && p->len == p->facts.total)
		return WEB_DONE;
	for (;;) {
		uint64_t before = p->len;
		enum verdict v = one_try(&w, d);

		if (v != VERDICT_AGAIN)
			return results[v];
		if (p->len >= before + ADVANCE)
			tries = 0;
		if (++tries >= web->tries)
			return WEB_FAILED;
		if (!web_pause(web, tries - 1))
			return WEB_STOPPED;
	}
}
