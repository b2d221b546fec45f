/* digest: SHA-256 and SHA-512 of one stream of bytes. */
#ifndef FETCH_DIGEST_H
#define FETCH_DIGEST_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>

#define DIGEST_SHA256 64 /* hexadecimal digits */
#define DIGEST_SHA512 128
#define DIGEST_SIZE (DIGEST_SHA512 + 1)

struct digest {
	bool wide; /* SHA-512 is wanted, too */
	struct sha256_ctx sha256;
	struct sha512_ctx sha512;
};

void digest_begin(struct digest *g, bool wide);
void digest_add(struct digest *g, const void *data, size_t len);

/* As text; "" for a SHA-512 that was not wanted. */
void digest_end(struct digest *g, char sha256[DIGEST_SIZE],
    char sha512[DIGEST_SIZE]);

#endif
