/*
 * request: what the web server hands over (RFC 3875): the environment, and a
 * body on standard input.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/diag.h"

#define REQUEST_BODY_MAX (64 * 1024)
#define REQUEST_HOST_SIZE 256

/* Strings are the environment's, never NULL; "" is what was not sent. */
struct request {
	const char *method;
	const char *base;    /* where we are in the server: "", "/nbdmux" */
	const char *path;    /* behind it, decoded by the web server */
	const char *query;
	const char *type;    /* of the body */
	const char *address; /* the client's */
	const char *accept, *authorization, *cookie, *origin, *site;
	char host[REQUEST_HOST_SIZE]; /* as the client calls us, with a port;
	                               * "": it said nothing that is one */
	bool https;
	struct buf body;
};

/* The environment alone. */
void request_init(struct request *r);
void request_free(struct request *r);

/*
 * The body, from fd.  0; or -1 with d set and the status that answers it: 413
 * when it is too long, else 400 or 503.
 */
int request_read(struct request *r, int fd, unsigned *status, struct diag *d);

/* Whether the body's type is this, whatever parameters are behind it. */
bool request_is(const struct request *r, const char *type);

/* Whether the client would rather have this type than what we usually send. */
bool request_accepts(const struct request *r, const char *type);

/*
 * Whether a browser sends it for one of our own pages.  Who says nothing of
 * where it comes from is no browser.
 */
bool request_same_origin(const struct request *r);

/* The host without port and brackets: "" when there is none. */
char *request_hostname(const struct request *r, char *dst, size_t size);

/* A cookie's value: false when there is none, or it is longer. */
bool request_cookie(const char *header, const char *name, char *dst,
    size_t size);

/* A host that may be written anywhere: a name or address, and a port. */
bool request_host_valid(const char *host);

#endif
