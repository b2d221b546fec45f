/* sparse: writing files with holes where there are zeroes; and room for them. */
#ifndef FETCH_SPARSE_H
#define FETCH_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/*
 * Write where the file has a hole, or no bytes yet: whole blocks of zeroes
 * are left out, so it may end up too short: sparse_end().  -1 with errno.
 */
int sparse_write(int fd, const void *data, size_t len, uint64_t offset);
int sparse_end(int fd, uint64_t size);

/*
 * Is there room for so many bytes, with something left for others?  Asked for
 * 0 bytes it says when to stop.  -1 with errno ENOSPC and d set.
 */
int sparse_room(int fd, uint64_t bytes, struct diag *d);

#endif
