/* catalog: what a cache says of the images that it has. */
#ifndef FETCH_CATALOG_H
#define FETCH_CATALOG_H

#include <stddef.h>

#include "base/diag.h"

#define CATALOG_MOST (16 * 1024 * 1024) /* bytes */

struct catalog;

/* What goes with an image; both are borrowed from the catalog. */
struct catalog_bundle {
	const char *ref;    /* as it is called */
	const char *source; /* its address, for the cache */
};

/* NULL with d set.  Entries that are not as they should be are passed over. */
struct catalog *catalog_parse(const char *text, size_t len, struct diag *d);
void catalog_free(struct catalog *c); /* NULL is allowed */

/*
 * The bundle that boots an image: 1 found, 0 there is none, or -1 with d set:
 * there is to be one, but nothing says where.
 */
int catalog_find(const struct catalog *c, const char *source,
    struct catalog_bundle *b, struct diag *d);

#endif
