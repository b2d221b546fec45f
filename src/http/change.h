/* change: exports that are added, replaced and removed over HTTP. */
#ifndef HTTP_CHANGE_H
#define HTTP_CHANGE_H

#include "http/http.h"

/*
 * Add or replace what the fields say: name, file or src_url, readonly,
 * format, sha256, sha512, description.  200; or another status with d set.
 */
unsigned change_add(struct http *h, const struct form *f, struct diag *d);

/* Remove it.  204, 404; or another status with d set. */
unsigned change_remove(struct http *h, const char *name, struct diag *d);

#endif
