/* text: what can be asked of bytes that claim to be text. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Valid UTF-8 (no overlong forms, no surrogates) without a NUL. */
bool text_utf8(const void *data, size_t len);

/*
 * Make bytes printable on one line: control characters, DEL, the backslash,
 * the double quote and what is not UTF-8 become \n \t \\ \" or \xHH.  At
 * most size - 1 bytes and a NUL are written; "..." stands where text was cut.
 * Returns dst.
 */
char *text_escape(char *dst, size_t size, const void *src, size_t len);

/*
 * The candidate (count names, stride bytes from one name pointer to the
 * next) that is nearest to word by edit distance, or NULL when none is near
 * enough to be what was meant.
 */
const char *text_nearest(const char *word, const char *const *names,
    size_t count, size_t stride);

/*
 * The next item of a list whose items are separated by commas and blanks.
 * *cursor starts at the list's text and is moved on; *len is the item's
 * length.  NULL at the end.
 */
const char *text_item(const char **cursor, size_t *len);

/* Whether both are NULL, or the same. */
bool text_same(const char *a, const char *b);

/* Seconds since the epoch as "2026-11-21T20:17:54Z"; returns dst. */
char *text_time(char *dst, size_t size, long long seconds);

#endif
