/* image: opens what an export names, under the policy of image-dirs. */
#ifndef EXPORT_IMAGE_H
#define EXPORT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

/* Which file, not which content: what makes a new generation when it changes. */
struct image_id {
	uint64_t dev, ino, rdev, size; /* size in bytes, of devices as well */
	bool local; /* not a part of it: told by image_open() alone */
};

/*
 * Open the image, read-only or read-write.  dirs is the list of image-dirs,
 * NULL for anywhere; beneath a directory of it the kernel resolves the rest
 * of the path (openat2, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS), so no link
 * leads out.  Never blocks on a FIFO; anything but a regular file or a block
 * device, and an empty one, is refused.  The descriptor, or -1 with d set:
 * what, why, and what would be right.
 */
int image_open(const char *path, bool writable, const char *dirs,
    struct image_id *id, struct diag *d);

/* The identity alone, resolved in the same way, without opening for I/O. */
int image_look(const char *path, const char *dirs, struct image_id *id,
    struct diag *d);

/*
 * Is what path leads to the image that was opened as id?  Never blocks: where
 * that takes more than what the kernel has in memory (names that it does not
 * remember, file systems that ask a server), the answer is no.
 */
bool image_is_still(const char *path, const char *dirs,
    const struct image_id *id);

bool image_same(const struct image_id *a, const struct image_id *b);

#endif
