/*
 * token: the cookie's value, "1.EXPIRES.MAC": a time and an HMAC-SHA256 of it.
 * Nothing is kept of it here; another key, or time, ends it.
 */
#ifndef HTTP_TOKEN_H
#define HTTP_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_SIZE 96
#define TOKEN_KEY 32
#define TOKEN_SECONDS (7 * 24 * 60 * 60)

/* The key of both: a new password makes all old tokens worthless. */
void token_key(unsigned char key[TOKEN_KEY], const void *secret, size_t len,
    const char *password);

char *token_make(char dst[TOKEN_SIZE], const unsigned char key[TOKEN_KEY],
    uint64_t expires);
bool token_valid(const char *token, const unsigned char key[TOKEN_KEY],
    uint64_t now);

/* Whether two texts are the same, in a time that says nothing of them. */
bool token_equal(const char *a, const char *b);

#endif
