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

/* After CURLcode rc: what is wrong, for people. */
enum web_again web_explain(const struct web *w, CURLcode rc, const char *url,
    struct diag *d);

/* Pause before the next try; false when told to stop. */
bool web_pause(const struct web *w, unsigned tries);

#endif
