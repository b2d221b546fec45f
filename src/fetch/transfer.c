/*
 * transfer: a range of the version that we have, or all of another (RFC 9110,
 * 13.1.5 and 14.2).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "fetch/sparse.h"
#include "fetch/transfer.h"

/* --- the answer's header -------------------------------------------------- */

static void
take(char dst[TRANSFER_HEADER_MAX], const char *name, const char *line,
    size_t len)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) != 0)
		return;
	for (line += n, len -= n; len > 0 && strchr(" \t", *line) != NULL;
	    line++)
		len--;
	while (len > 0 && strchr("\r\n \t", line[len - 1]) != NULL)
		len--;
	if (len >= TRANSFER_HEADER_MAX)
		return;
	memcpy(dst, line, len);
	dst[len] = '\0';
}

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct transfer *w = arg;
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

long
transfer_code(const struct transfer *w)
{
	long code = 0;

	curl_easy_getinfo(w->web->easy, CURLINFO_RESPONSE_CODE, &code);
	return code;
}

static int
broken(struct transfer *w)
{
	w->broken = true;
	w->full = errno == ENOSPC || errno == EDQUOT;
	return -1;
}

/* All of it, whatever was asked for. */
static int
begin_whole(struct transfer *w)
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

/* For servers that do not look at If-Range. */
static bool
is_other(const struct transfer *w)
{
	const struct part_facts *f = &w->part->facts;

	if (f->etag != NULL && w->new_etag[0] != '\0')
		return strcmp(f->etag, w->new_etag) != 0;
	return f->modified != NULL && w->new_modified[0] != '\0' &&
	    strcmp(f->modified, w->new_modified) != 0;
}

/* The rest: does it begin where we are, of the version that we have? */
static int
begin_rest(struct transfer *w)
{
	const struct part_facts *f = &w->part->facts;
	uint64_t from = 0, to = 0, total = 0;
	int n = sscanf(w->range, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64,
	    &from, &to, &total);

	if (n < 2 || from != w->part->len || is_other(w) || (n == 3 &&
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
begin(struct transfer *w)
{
	long code = transfer_code(w);

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
	struct transfer *w = arg;

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
flush(struct transfer *w)
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
	struct transfer *w = arg;

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
	char line[TRANSFER_HEADER_MAX + 64];
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
make_headers(struct transfer *w, struct curl_slist **list)
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
set_options(struct transfer *w)
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

CURLcode
transfer_perform(struct transfer *w)
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
		if (rc == CURLE_OK && !w->begun && transfer_code(w) != 304)
			begin(w);
	}
	curl_slist_free_all(headers);
	if (!w->broken && part_flush(w->part, &w->error) == -1)
		broken(w);
	return rc;
}
