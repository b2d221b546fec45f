/* url: addresses that images are fetched from, and who may name which. */
#ifndef SPOOL_URL_H
#define SPOOL_URL_H

#include <stdbool.h>

#include "base/diag.h"

#define URL_MAX 4096

/* "http://...", "https://..." or "oras://...": not whether the rest is right;
 * and whether it can be fetched without a cache, as the first two. */
bool url_is(const char *text);
bool url_direct(const char *text);

/* An address that can be fetched and shown to everybody: 0, or -1, d set. */
int url_check(const char *url, struct diag *d);

/* The same for a cache, which itself can be fetched from. */
int url_check_cache(const char *url, struct diag *d);

/*
 * One item of "fetch-from": the beginning of addresses, up to a whole
 * component of the path.  "*." at the start of the host is any subdomain.
 */
int url_check_prefix(const char *prefix, struct diag *d);

/* Whether an address that url_check() takes begins like one of the list. */
bool url_allowed(const char *list, const char *url);

/*
 * The list that all requests for a source are held to: a source that begins
 * like one of it may have been named by a stranger, who is not to be led, by
 * a list of sums or a server, to where the list does not.  NULL: whoever
 * named another one may fetch from anywhere.
 */
const char *url_hold(const char *list, const char *source);

#endif
