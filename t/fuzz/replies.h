/*
 * replies: what a server says, as a client would read it, held against the
 * specification's shape of each message.
 */
#ifndef T_FUZZ_REPLIES_H
#define T_FUZZ_REPLIES_H

#include <stdbool.h>
#include <stddef.h>

struct replies {
	bool entered;    /* transmission */
	bool chunks;     /* replies are structured or extended */
	bool extended;
	size_t options;  /* final replies to options */
	size_t finals;   /* final replies to requests; with chunks only */
	size_t left;     /* bytes of a message that did not come whole */
};

/*
 * Reads all that was said; padded: the client wants the 124 zeroes.  NULL, or
 * what is wrong with it (static text).
 */
const char *replies_read(struct replies *r, const void *data, size_t size,
    bool padded);

#endif
