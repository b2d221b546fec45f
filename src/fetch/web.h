/* web: HTTP as a downloader of images needs it, on top of libcurl. */
#ifndef FETCH_WEB_H
#define FETCH_WEB_H

#include <curl/curl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/diag.h"
#include "fetch/part.h"

#define WEB_TRIES 5
#define WEB_STALL 60

enum web_result {
	WEB_DONE,
	WEB_UNCHANGED, /* the server has nothing newer */
	WEB_FAILED,    /* it may work later */
	WEB_FULL,      /* the disk is */
	WEB_STOPPED    /* by a signal, or by the reader of the part */
};

struct web {
	CURL *easy;
	const volatile sig_atomic_t *stop; /* borrowed */
	const char *cache;  /* in front of all sources, or NULL; borrowed */
	const char *within; /* beginnings of the addresses that requests may
	                     * go to; NULL: anywhere.  Borrowed */
	char netrc[PATH_MAX + 8]; /* names and passwords, if there is one */
	bool trusted;       /* but for where it leads, a request may */
	unsigned tries;     /* without getting on, until it is given up */
	unsigned stall;     /* s without a byte, until a connection is */
	char error[CURL_ERROR_SIZE];
	bool secure;        /* this request has been to an https address */
	size_t passed;      /* bytes of answers that only lead on */
	/* Called about every second, and after each piece. */
	void (*tick)(void *arg);
	void *arg;
};

/* -1 with d set.  The caller sets the rest afterwards. */
int web_open(struct web *w, struct diag *d);
void web_close(struct web *w);

/*
 * The rest of the part, of the source in its facts.  etag and modified (or
 * NULL) are of the version that is there already: then it may be unchanged.
 * d is set unless it is done or unchanged.
 */
enum web_result web_download(struct web *w, struct part *p, const char *etag,
    const char *modified, struct diag *d);

/* A small file into b, whose max is the cap; web_absent(): there is none. */
enum web_result web_text(struct web *w, const char *url, struct buf *b,
    struct diag *d);
bool web_absent(const struct web *w);

/* ref as it stands on the page url; the last component of url's path,
 * decoded.  To be freed; NULL: no memory, or nothing that can be fetched. */
char *web_resolve(const char *url, const char *ref);
char *web_basename(const char *url);

#endif
