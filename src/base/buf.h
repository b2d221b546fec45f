/*
 * buf: a byte buffer that grows up to a cap.  The bytes are always followed
 * by a NUL that is not counted, so text can be used in place.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

struct buf {
	char *data; /* owned; never NULL once something was added */
	size_t len; /* bytes in use, without the NUL */
	size_t cap; /* bytes allocated */
	size_t max; /* most bytes that may be in use */
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);   /* and ready for use again, max kept */
void buf_reset(struct buf *b);  /* empty, memory kept */

/* 0, or -1 with errno ENOMEM or EFBIG (over max; nothing was added). */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Hand the memory over to the caller (free it); b is empty afterwards. */
char *buf_take(struct buf *b);

#endif
