/* web: what all requests have in common, and small files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "fetch/webpriv.h"
#include "spool/url.h"

#define CONNECT_TIMEOUT 30L /* s */
#define PAUSE_TICK 100000000L /* ns */

int
web_open(struct web *w, struct diag *d)
{
	memset(w, 0, sizeof(*w));
	w->tries = WEB_TRIES;
	w->stall = WEB_STALL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 ||
	    (w->easy = curl_easy_init()) == NULL)
		return diag_set(d, "cannot start libcurl");
	return 0;
}

void
web_close(struct web *w)
{
	curl_easy_cleanup(w->easy);
	w->easy = NULL;
	curl_global_cleanup();
}

/* --- one request ---------------------------------------------------------- */

/* As curl(1) has it: other authorities than those of the system. */
static void
set_trust(CURL *c)
{
	const char *file = getenv("CURL_CA_BUNDLE");
	const char *dir = getenv("SSL_CERT_DIR");

	if (file == NULL || file[0] == '\0')
		file = getenv("SSL_CERT_FILE");
	if (file != NULL && file[0] != '\0')
		curl_easy_setopt(c, CURLOPT_CAINFO, file);
	if (dir != NULL && dir[0] != '\0')
		curl_easy_setopt(c, CURLOPT_CAPATH, dir);
}

/* The request's own address; where answers lead is looked at by web_perform. */
static int
may_ask(const struct web *w, const char *url, struct diag *d)
{
	if (w->within == NULL || w->trusted || url_allowed(w->within, url))
		return 0;
	return diag_set(d, "%s: fetch-from does not allow it, as it does the "
	    "source", url);
}

int
web_prepare(struct web *w, const char *url, struct curl_slist *headers,
    struct diag *d)
{
	CURL *c = w->easy;
	char *through = w->cache != NULL ? web_behind_cache(w->cache, url) : NULL;
	const char *address = through != NULL ? through : url;
	CURLcode rc;

	curl_easy_reset(c);
	w->error[0] = '\0';
	w->secure = false;
	w->passed = 0;
	rc = curl_easy_setopt(c, CURLOPT_URL, address);
	web_protocols(w, address);
	free(through);
	if (may_ask(w, url, d) == -1)
		return -1;
	if (rc != CURLE_OK || (w->cache != NULL && through == NULL))
		return diag_set(d, "cannot fetch %s: out of memory", url);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, w->error);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)w->stall);
	set_trust(c);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L * 1024);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "nbdmux/" NBDMUX_VERSION);
	if (access(w->netrc, R_OK) == 0) {
		curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
		curl_easy_setopt(c, CURLOPT_NETRC_FILE, w->netrc);
	}
	return 0;
}

/* What a server, or the way to it, may have got over in a moment. */
static bool
may_pass(CURLcode rc, long code)
{
	switch (rc) {
	case CURLE_HTTP_RETURNED_ERROR:
		return code >= 500 || code == 408 || code == 425 || code == 429;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_PARTIAL_FILE:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

enum web_again
web_explain(const struct web *w, CURLcode rc, const char *url, struct diag *d)
{
	const char *why = w->error[0] != '\0' ? w->error :
	    curl_easy_strerror(rc);
	char shown[400];
	long code = 0;

	curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &code);
	text_escape(shown, sizeof(shown), why, strlen(why));
	if (rc == CURLE_HTTP_RETURNED_ERROR)
		diag_set(d, "%s: the server says %ld%s", url, code,
		    code == 404 || code == 410 ? " (there is no such file)" :
		    code == 401 || code == 403 ? " (it is not for us)" : "");
	else if (rc == CURLE_TOO_MANY_REDIRECTS)
		diag_set(d, "%s: the server leads on more than %d times", url,
		    WEB_LEADS_MAX);
	else if (rc == CURLE_PEER_FAILED_VERIFICATION)
		diag_set(d, "%s: the server's certificate is not trusted: %s "
		    "(CURL_CA_BUNDLE in the environment names a file with "
		    "other authorities)", url, shown);
	else if (rc == CURLE_UNSUPPORTED_PROTOCOL)
		diag_set(d, "%s: the server leads to an address that is not "
		    "followed: %s", url, shown);
	else
		diag_set(d, "%s: %s", url, shown);
	return may_pass(rc, code) ? AGAIN_SOON : AGAIN_NO;
}

bool
web_pause(const struct web *w, unsigned tries)
{
	struct timespec t = { .tv_nsec = PAUSE_TICK };
	unsigned ticks = 5u << (tries < 5 ? tries : 5); /* 0.5 s, 1, 2, ... */

	for (unsigned i = 0; i < ticks && !*w->stop; i++) {
		nanosleep(&t, NULL);
		if (w->tick != NULL && i % 10 == 0)
			w->tick(w->arg);
	}
	return !*w->stop;
}

/* --- small files ---------------------------------------------------------- */

struct text {
	struct web *web;
	struct buf *b;
};

static size_t
on_text(char *data, size_t size, size_t n, void *arg)
{
	const struct text *t = arg;

	if (web_leads(t->web))
		return web_pass(t->web, size * n);
	return buf_add(t->b, data, size * n) == 0 ? size * n : 0;
}

static int
on_progress(void *arg, curl_off_t total, curl_off_t done, curl_off_t up,
    curl_off_t sent)
{
	const struct web *w = arg;

	(void)total;
	(void)done;
	(void)up;
	(void)sent;
	return *w->stop != 0;
}

static CURLcode
text_once(struct web *w, struct buf *b)
{
	struct text t = { w, b };

	buf_reset(b);
	curl_easy_setopt(w->easy, CURLOPT_WRITEFUNCTION, on_text);
	curl_easy_setopt(w->easy, CURLOPT_WRITEDATA, &t);
	curl_easy_setopt(w->easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(w->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(w->easy, CURLOPT_XFERINFODATA, w);
	return web_perform(w);
}

bool
web_absent(const struct web *w)
{
	long code = 0;

	curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &code);
	return code == 404 || code == 410;
}

enum web_result
web_text(struct web *w, const char *url, struct buf *b, struct diag *d)
{
	for (unsigned tries = 0;; tries++) {
		CURLcode rc;

		if (web_prepare(w, url, NULL, d) == -1)
			return WEB_FAILED;
		rc = text_once(w, b);
		if (rc == CURLE_OK)
			return WEB_DONE;
		if (*w->stop)
			return WEB_STOPPED;
		if (rc == CURLE_WRITE_ERROR) {
			diag_set(d, "%s: it has more than %zu bytes", url,
			    b->max);
			return WEB_FAILED;
		}
		if (web_explain(w, rc, url, d) == AGAIN_NO ||
		    tries + 1 >= w->tries)
			return WEB_FAILED;
		if (!web_pause(w, tries))
			return WEB_STOPPED;
	}
}
