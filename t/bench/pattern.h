/*
 * pattern: the data of nbdkit's pattern plugin: each big-endian 64-bit word
 * of an export is its own offset.
 */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

void pattern_fill(unsigned char *p, size_t len, uint64_t at);

/* 0, or -1 with d set to the first byte that is wrong. */
int pattern_check(
    const unsigned char *p, size_t len, uint64_t at, struct diag *d);

#endif
