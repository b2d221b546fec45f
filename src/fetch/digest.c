/* digest: nettle's. */
#include <stdint.h>
#include <stdio.h>

#include "fetch/digest.h"

void
digest_begin(struct digest *g, bool wide)
{
	g->wide = wide;
	sha256_init(&g->sha256);
	sha512_init(&g->sha512);
}

void
digest_add(struct digest *g, const void *data, size_t len)
{
	sha256_update(&g->sha256, len, data);
	if (g->wide)
		sha512_update(&g->sha512, len, data);
}

static void
hex(char *dst, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		snprintf(dst + 2 * i, 3, "%02x", bytes[i]);
}

void
digest_end(struct digest *g, char sha256[DIGEST_SIZE],
    char sha512[DIGEST_SIZE])
{
	uint8_t bytes[SHA512_DIGEST_SIZE];

	sha256_digest(&g->sha256, SHA256_DIGEST_SIZE, bytes);
	hex(sha256, bytes, SHA256_DIGEST_SIZE);
	sha512[0] = '\0';
	if (!g->wide)
		return;
	sha512_digest(&g->sha512, SHA512_DIGEST_SIZE, bytes);
	hex(sha512, bytes, SHA512_DIGEST_SIZE);
}
