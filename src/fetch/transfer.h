/* transfer: one request of a download: what is asked, and what comes. */
#ifndef FETCH_TRANSFER_H
#define FETCH_TRANSFER_H

#include "fetch/part.h"
#include "fetch/webpriv.h"

#define TRANSFER_HEADER_MAX 1024

struct transfer {
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
	char new_etag[TRANSFER_HEADER_MAX], new_modified[TRANSFER_HEADER_MAX];
	char range[TRANSFER_HEADER_MAX];
};

/* With what was received written. */
CURLcode transfer_perform(struct transfer *w);

/* The status of the last answer. */
long transfer_code(const struct transfer *w);

#endif
