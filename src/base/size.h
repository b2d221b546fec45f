/* size: byte counts as people write them: "512", "64k", "1G", "1.5M" no. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define SIZE_TEXT 24 /* room for any size as text */

/*
 * Digits and at most one suffix: B, K, M, G, T, P or E, in either case,
 * optionally followed by "iB" or (for K to E) "B"; always powers of 1024.
 * Signs, blanks, fractions, rubbish and what does not fit into 64 bits are
 * refused.
 */
int size_parse(const char *text, uint64_t *bytes, struct diag *d);

/* Exact: the largest suffix that divides, e.g. 1536 is "1536", 2048 "2K". */
char *size_format(char *dst, size_t size, uint64_t bytes);

/* For people: "1.5G", three significant figures. */
char *size_human(char *dst, size_t size, uint64_t bytes);

#endif
