/* token: nettle's HMAC around a time. */
#include <inttypes.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "http/token.h"

#define VERSION "1."
#define MAC_HEX (2 * SHA256_DIGEST_SIZE)

static void
mac(unsigned char out[SHA256_DIGEST_SIZE], const void *key, size_t len,
    const char *text)
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, len, key);
	hmac_sha256_update(&ctx, strlen(text), (const uint8_t *)text);
	hmac_sha256_digest(&ctx, SHA256_DIGEST_SIZE, out);
	explicit_bzero(&ctx, sizeof(ctx));
}

void
token_key(unsigned char key[TOKEN_KEY], const void *secret, size_t len,
    const char *password)
{
	mac(key, secret, len, password);
}

char *
token_make(char dst[TOKEN_SIZE], const unsigned char key[TOKEN_KEY],
    uint64_t expires)
{
	unsigned char sum[SHA256_DIGEST_SIZE];
	size_t at;

	at = (size_t)snprintf(dst, TOKEN_SIZE, VERSION "%" PRIu64, expires);
	mac(sum, key, TOKEN_KEY, dst);
	dst[at++] = '.';
	for (size_t i = 0; i < sizeof(sum); i++, at += 2)
		snprintf(dst + at, TOKEN_SIZE - at, "%02x", sum[i]);
	return dst;
}

/* What it says is read only from a token that is ours. */
bool
token_valid(const char *token, const unsigned char key[TOKEN_KEY],
    uint64_t now)
{
	char ours[TOKEN_SIZE];
	uint64_t expires;
	char *end;

	if (strncmp(token, VERSION, strlen(VERSION)) != 0)
		return false;
	expires = strtoull(token + strlen(VERSION), &end, 10);
	if (*end != '.' || strlen(end + 1) != MAC_HEX)
		return false;
	token_make(ours, key, expires);
	return token_equal(token, ours) && now < expires;
}

bool
token_equal(const char *a, const char *b)
{
	unsigned char key[TOKEN_KEY], x[SHA256_DIGEST_SIZE],
	    y[SHA256_DIGEST_SIZE];

	/* Sums of both, so that neither length nor content is told. */
	arc4random_buf(key, sizeof(key));
	mac(x, key, sizeof(key), a);
	mac(y, key, sizeof(key), b);
	return memeql_sec(x, y, sizeof(x)) != 0;
}
