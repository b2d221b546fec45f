/*
 * proof: who a client has proved to be, by a certificate or by a key that it
 * shares with us.  The bytes are the client's: whoever shows them escapes
 * them.
 */
#ifndef BASE_PROOF_H
#define BASE_PROOF_H

#include <stdbool.h>
#include <stddef.h>

#define PROOF_TEXT 256
#define PROOF_NAMES 2048 /* bytes of names; more are left out */

enum proof_kind {
	PROOF_CERTIFICATE, /* names: CNs and DNS names of the subject */
	PROOF_PSK          /* one name: the user of the shared key */
};

struct proof {
	enum proof_kind kind;
	char text[PROOF_TEXT]; /* for people: the subject, or "psk:USER" */
	size_t len;
	char names[PROOF_NAMES]; /* each with its NUL */
};

/* An empty one; NULL when memory ran out. */
struct proof *proof_new(enum proof_kind kind);
void proof_free(struct proof *p); /* NULL is allowed */

/*
 * Take bytes for the text, cut if need be; add a name.  One with a NUL, which
 * is made to pass for another, or without room left is no name.
 */
void proof_text(struct proof *p, const char *prefix, const void *data,
    size_t len);
void proof_name(struct proof *p, const void *data, size_t len);

/* The names one by one: NULL before the first, NULL after the last. */
const char *proof_next(const struct proof *p, const char *name);

#endif
