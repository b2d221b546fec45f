/*
 * weblead: redirections, each of which is looked at before it is followed:
 * libcurl would go anywhere with an allowed protocol.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/webpriv.h"
#include "spool/url.h"

#define PASS_MAX (1024 * 1024) /* bytes of text that come with them */

/* An https address is not left for an http one: it was chosen for a reason. */
void
web_protocols(struct web *w, const char *url)
{
	CURL *c = w->easy;

	w->secure = w->secure || strncasecmp(url, "https:", 6) == 0;
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, w->secure ? "https" :
	    "http,https");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTPS |
	    (w->secure ? 0 : CURLPROTO_HTTP)));
#endif
}

bool
web_leads(const struct web *w)
{
	long code = 0;

	curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &code);
	return (code >= 301 && code <= 303) || code == 307 || code == 308;
}

size_t
web_pass(struct web *w, size_t len)
{
	w->passed += len;
	return w->passed <= PASS_MAX ? len : 0;
}

static CURLcode
refuse(struct web *w, const char *to, const char *why)
{
	snprintf(w->error, sizeof(w->error), "%.120s%s", to, why);
	return CURLE_UNSUPPORTED_PROTOCOL;
}

/* The cache is the operator's, and may lead to itself. */
static bool
may_go(const struct web *w, const char *to)
{
	return w->within == NULL || url_allowed(w->within, to) ||
	    (w->cache != NULL && url_allowed(w->cache, to));
}

static CURLcode
go_on(struct web *w, char *to)
{
	to[strcspn(to, "#")] = '\0';
	if (!url_direct(to))
		return refuse(w, to, " is neither http:// nor https://");
	if (!may_go(w, to))
		return refuse(w, to, " is not allowed by fetch-from");
	web_protocols(w, to);
	return curl_easy_setopt(w->easy, CURLOPT_URL, to);
}

static CURLcode
lead_on(struct web *w)
{
	const char *where = NULL;
	char *to;
	CURLcode rc;

	curl_easy_getinfo(w->easy, CURLINFO_REDIRECT_URL, &where);
	if (where == NULL)
		return refuse(w, "", "it does not say where");
	to = strdup(where); /* it is the last answer's, and goes with it */
	rc = to != NULL ? go_on(w, to) : CURLE_OUT_OF_MEMORY;
	free(to);
	return rc;
}

CURLcode
web_perform(struct web *w)
{
	for (unsigned i = 0;; i++) {
		CURLcode rc = curl_easy_perform(w->easy);

		if (rc == CURLE_WRITE_ERROR && w->passed > PASS_MAX)
			return refuse(w, "", "there is too much with it");
		if (rc != CURLE_OK || !web_leads(w))
			return rc;
		if (i == WEB_LEADS_MAX)
			return CURLE_TOO_MANY_REDIRECTS;
		rc = lead_on(w);
		if (rc != CURLE_OK)
			return rc;
	}
}
