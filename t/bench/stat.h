/*
 * stat: a latency histogram of fixed size.  Buckets grow with the value, so
 * that every percentile is within 1/64 of the truth and adding one sample is
 * an increment.
 */
#ifndef BENCH_STAT_H
#define BENCH_STAT_H

#include <stdint.h>

#define STAT_SUB 64     /* buckets per power of two */
#define STAT_OCTAVES 35 /* 2^(35 + 5) ns: 18 minutes */

struct stat_hist {
	uint64_t count, max;
	uint64_t bucket[(STAT_OCTAVES + 1) * STAT_SUB];
};

void stat_add(struct stat_hist *h, uint64_t ns);
void stat_merge(struct stat_hist *to, const struct stat_hist *from);

/* The value below which the fraction q of the samples lies; 0 without any. */
uint64_t stat_quantile(const struct stat_hist *h, double q);

#endif
