/*
 * json: writes one JSON document to a stream (RFC 8259).  Text that is not
 * UTF-8 gets U+FFFD for each bad byte, so the document is always valid.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * jansson has functions of such names, too: hidden, ours cannot come in
 * between its own.
 */
#pragma GCC visibility push(hidden)

struct json {
	FILE *out;  /* borrowed; its error flag tells of failures */
	bool comma; /* something stands before the next item */
};

/*
 * '{' or '['; key NULL in an array and at the top.  The same for values; a
 * NULL string is null.
 */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_string(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
void json_real(struct json *j, const char *key, double value); /* one digit */
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* Seconds since the epoch as RFC 3339 in UTC; 0 is null. */
void json_time(struct json *j, const char *key, uint64_t seconds);

#pragma GCC visibility pop

#endif
