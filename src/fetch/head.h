/* head: what a download is, by its first bytes. */
#ifndef FETCH_HEAD_H
#define FETCH_HEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "spool/record.h"

#define HEAD_SIZE 512 /* bytes that are looked at */

enum head_kind {
	HEAD_RAW,    /* a disk's own bytes */
	HEAD_FILTER, /* compressed */
	HEAD_DISK    /* a disk image that has to be converted */
};

/*
 * What it is, and whether it is what the entry's format (enum record_content)
 * says.  *driver is qemu-img's name of a HEAD_DISK.  -1 with d set: something
 * that is no image.
 */
int head_look(const void *data, size_t len, unsigned content,
    enum head_kind *kind, const char **driver, struct diag *d);

/* The same for what came out of a filter. */
int head_inside(const void *data, size_t len, enum head_kind *kind,
    const char **driver, struct diag *d);

/* -1 with d set: what it is has its content in other files. */
int head_part(const char *what, struct diag *d);

/* Bytes that it says it is decompressed; 0: it does not say. */
uint64_t head_size(const void *data, size_t len);

#endif
