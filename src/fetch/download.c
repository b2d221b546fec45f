/*
 * download: an image into its part.  A connection that ends early is gone on
 * with where it was, as long as the server says that it is the same version.
 */
#include <inttypes.h>
#include <stdio.h>

#include "fetch/transfer.h"

#define ADVANCE (UINT64_C(1) << 20) /* bytes that are worth a new beginning */

/* --- what came of it ------------------------------------------------------ */

/* 416: there is nothing after what we have, since we have it all; or not. */
static bool
is_complete(const struct transfer *w)
{
	uint64_t total = 0;

	return transfer_code(w) == 416 && sscanf(w->range, "bytes */%" SCNu64,
	    &total) == 1 && total == w->part->len;
}

/* Shorter than the whole, although the connection ended well? */
static bool
is_short(const struct transfer *w)
{
	return w->part->facts.total != 0 &&
	    w->part->len != w->part->facts.total;
}

enum verdict { VERDICT_DONE, VERDICT_UNCHANGED, VERDICT_AGAIN, VERDICT_ANEW,
	VERDICT_FAILED, VERDICT_FULL, VERDICT_STOPPED };

static enum verdict
judge(struct transfer *w, CURLcode rc, struct diag *d)
{
	if (*w->web->stop || part_aborted(w->part))
		return VERDICT_STOPPED;
	if (w->broken) {
		*d = w->error;
		return w->full ? VERDICT_FULL : VERDICT_FAILED;
	}
	if (rc == CURLE_OK && transfer_code(w) == 304)
		return VERDICT_UNCHANGED;
	if (w->restart || (rc == CURLE_HTTP_RETURNED_ERROR &&
	    transfer_code(w) == 416 && !is_complete(w))) {
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
one_try(struct transfer *w, struct diag *d)
{
	enum verdict v = judge(w, transfer_perform(w), d);

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
	struct transfer w = { .web = web, .part = p, .etag = etag,
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
