/* sums: lists of checksums, as sha256sum(1) and its like write them. */
#ifndef FETCH_SUMS_H
#define FETCH_SUMS_H

#include <stddef.h>

#include "base/diag.h"

#define SUMS_MAX (4 * 1024 * 1024) /* bytes in a list */

/*
 * The sum of so many digits that the list has for a file: in lower case into
 * sum, which has room for it and a NUL.  Both "SUM  NAME" and "SHA256 (NAME) =
 * SUM" are read, a list of one sum alone is the file's, and all else (comments,
 * signatures) is passed over.  -1 with d set when it is not there, or is there
 * with different sums.
 */
int sums_find(const char *text, size_t len, const char *name, size_t digits,
    char *sum, struct diag *d);

#endif
