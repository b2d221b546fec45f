/* webpriv: what the files of web share: one request. */
#ifndef FETCH_WEBPRIV_H
#define FETCH_WEBPRIV_H

#include "fetch/web.h"

/* Whether to come back with the same request is worth it. */
enum web_again { AGAIN_NO, AGAIN_SOON };

/*
 * Set up what all requests have in common.  headers are borrowed until the
 * request is over.  -1 with d set.
 */
int web_prepare(struct web *w, const char *url, struct curl_slist *headers,
    struct diag *d);

/*
 * Perform it, and what its answers lead on to.  Bytes of an answer that leads
 * on are not for the request's functions: web_leads() tells, and web_pass()
 * is what they return then.
 */
CURLcode web_perform(struct web *w);
bool web_leads(const struct web *w);
size_t web_pass(struct web *w, size_t len);

#define WEB_LEADS_MAX 10

/* The protocols for this step of a request. */
void web_protocols(struct web *w, const char *url);

/* The cache's address of a source: BASE/b/BASE64URL; to be freed, or NULL. */
char *web_behind_cache(const char *cache, const char *url);

/* After CURLcode rc: what is wrong, for people. */
enum web_again web_explain(const struct web *w, CURLcode rc, const char *url,
    struct diag *d);

/* Pause before the next try; false when told to stop. */
bool web_pause(const struct web *w, unsigned tries);

#endif
