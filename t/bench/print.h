/* print: the results of a run, on standard output. */
#ifndef BENCH_PRINT_H
#define BENCH_PRINT_H

#include "t/bench/load.h"

void print_load(const struct plan *p, const struct timing *t, bool json,
    const struct result *r);
void print_connects(const struct plan *p, const struct timing *t, bool json,
    const struct result *r);

#endif
