/* imagepath: opens a path under the policy of image-dirs. */
#ifndef EXPORT_IMAGEPATH_H
#define EXPORT_IMAGEPATH_H

#include "export/image.h"

/* open(2) with these flags; -1 with errno and d set. */
int image_path_open(const char *path, const char *dirs, int flags,
    struct diag *d);

/*
 * The same with O_PATH, if that takes nothing but the kernel's cache of names
 * (openat2, RESOLVE_CACHED): no disk, no network.  -1: not known that way.
 */
int image_path_cached(const char *path, const char *dirs);

#endif
