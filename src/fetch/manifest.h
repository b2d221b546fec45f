/* manifest: manifest.json of a bundle, which is to be true of its files. */
#ifndef FETCH_MANIFEST_H
#define FETCH_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "fetch/digest.h"
#include "spool/netboot.h"

#define MANIFEST_MOST (1024 * 1024) /* bytes */

struct manifest_file {
	uint64_t size;
	char sha256[DIGEST_SIZE];
};

/*
 * A JSON object.  What it says of kernel and initial RAM disk, the sizes and
 * SHA-256 that are below their names at the top, below "sha256" or below
 * "files", is true of files (by enum netboot_file).  0, or -1 with d set.
 */
int manifest_check(const char *text, size_t len,
    const struct manifest_file files[NETBOOT_MANIFEST], struct diag *d);

#endif
