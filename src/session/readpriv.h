/*
 * readpriv: what the files of NBD_CMD_READ share: read.c accepts requests and
 * answers small ones, readpiece.c gets the data of others piece by piece, and
 * readreply.c puts it into replies.
 */
#ifndef SESSION_READPRIV_H
#define SESSION_READPRIV_H

#include "session/impl.h"

/* readpiece.c: the next piece, from the page cache or the backend; -1: no
 * memory for it now. */
int read_next(struct request *r);

/* readreply.c */
/* Bytes before the next piece's data, and what they are for n of it. */
size_t read_head_size(const struct request *r);
void read_put_head(const struct request *r, unsigned char *p, size_t n);
/* Behind what is there, for the reply's own chunks. */
void read_queue(struct request *r, struct chunk *c);
/* The last chunk of the next length bytes; may be the end of the request. */
void read_arrived(struct request *r, struct chunk *c, uint64_t length);
/* Holes may be told as such, unless they are in the middle of a chunk. */
bool read_may_skip(const struct request *r);
/* Long enough to be told as a hole, and all zeroes. */
bool read_is_hole(const unsigned char *p, size_t n);

#endif
