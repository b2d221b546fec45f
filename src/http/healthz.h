/* healthz: whether the daemon serves, for programs and for the dashboard. */
#ifndef HTTP_HEALTHZ_H
#define HTTP_HEALTHZ_H

#include "http/http.h"

struct health {
	bool well;
	struct diag error;   /* why not */
	struct diag warning; /* what it says of itself, or "" */
	uint64_t started;    /* s since the epoch; 0: it does not run */
	char listen[512];    /* its addresses, cut if need be */
};

/* Ask it, by a real handshake: within a second. */
void healthz_ask(struct health *y, struct http *h);

#endif
