/*
 * netbootmark: the file .nbdmux in DATA/artifacts/NAME, which says that we
 * made the directory and of what.
 */
#ifndef SPOOL_NETBOOTMARK_H
#define SPOOL_NETBOOTMARK_H

#include <stdbool.h>

#include "base/buf.h"

#define NETBOOT_MARK ".nbdmux"
#define NETBOOT_MARK_MAX (16 * 1024)

#define NETBOOT_KEYS "keys" /* the first line: made of the entry's keys */
#define NETBOOT_BUNDLE "bundle " /* and a reference to a bundle */

struct netboot_mark {
	char *text;         /* owned; the others lie in it, or are borrowed */
	const char *ref;    /* of a bundle; NULL: of the entry's keys */
	const char *source; /* its address, from a catalog; NULL: somebody
	                     * has given the file */
	const char *image;  /* the source of the image that it is for, likewise */
	const char *etag, *modified; /* of the server's answer, or NULL */
	const char *sha256; /* of the bundle as it came, or NULL */
};

/* Whether there is one in the directory; clear it in any case. */
bool netboot_mark_read(struct netboot_mark *m, int dirfd);
void netboot_mark_clear(struct netboot_mark *m);

/* Its text, but for the last newline: 0, or -1 with errno. */
int netboot_mark_format(const struct netboot_mark *m, struct buf *b);

#endif
