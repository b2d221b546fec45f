/*
 * bundle: an archive with what boots an image: vmlinuz, initrd and
 * manifest.json.  Who has made it is not trusted: nothing is opened by a name
 * of it, and what it may have is bounded.
 */
#ifndef FETCH_BUNDLE_H
#define FETCH_BUNDLE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "fetch/digest.h"
#include "spool/netboot.h"

#define BUNDLE_MEMBERS 64
#define BUNDLE_MOST (UINT64_C(9) << 30) /* bytes unpacked, whatever they are */

struct bundle {
	int fd;             /* borrowed: the archive, read from where it is */
	struct netboot *to; /* borrowed; NULL: it is only looked at */
	const volatile sig_atomic_t *stop; /* borrowed */
	/* Afterwards: */
	uint64_t bytes;            /* of the archive */
	char sha256[DIGEST_SIZE];  /* of the archive */
};

/*
 * Unpack into to, or see whether that could be done.  A tar, compressed or
 * not, as its bytes tell.  0, or -1 with d set.
 */
int bundle_unpack(struct bundle *b, struct diag *d);

#endif
