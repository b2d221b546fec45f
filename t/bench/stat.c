/* stat: the log-linear histogram. */
#include <stddef.h>

#include "t/bench/stat.h"

/*
 * Values below STAT_SUB have a bucket each; above, the octave is the position
 * of the highest bit and the six bits below it choose the bucket.
 */
static size_t
bucket_of(uint64_t ns)
{
	unsigned shift;
	size_t i;

	if (ns < STAT_SUB)
		return ns;
	shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
	i = (size_t)(shift + 1) * STAT_SUB + (size_t)(ns >> shift) - STAT_SUB;
	if (i >= (STAT_OCTAVES + 1) * STAT_SUB)
		i = (STAT_OCTAVES + 1) * STAT_SUB - 1;
	return i;
}

/* The middle of a bucket. */
static uint64_t
value_of(size_t bucket)
{
	unsigned shift;

	if (bucket < STAT_SUB)
		return bucket;
	shift = (unsigned)(bucket / STAT_SUB) - 1;
	return ((uint64_t)(bucket % STAT_SUB + STAT_SUB) << shift) +
	       ((UINT64_C(1) << shift) >> 1);
}

void
stat_add(struct stat_hist *h, uint64_t ns)
{
	h->bucket[bucket_of(ns)]++;
	h->count++;
	if (ns > h->max)
		h->max = ns;
}

void
stat_merge(struct stat_hist *to, const struct stat_hist *from)
{
	size_t i;

	for (i = 0; i < sizeof(to->bucket) / sizeof(to->bucket[0]); i++)
		to->bucket[i] += from->bucket[i];
	to->count += from->count;
	if (from->max > to->max)
		to->max = from->max;
}

uint64_t
stat_quantile(const struct stat_hist *h, double q)
{
	uint64_t want, seen = 0, value;
	size_t i;

	want = (uint64_t)(q * (double)h->count);
	for (i = 0; i < sizeof(h->bucket) / sizeof(h->bucket[0]); i++) {
		seen += h->bucket[i];
		if (seen > want)
			break;
	}
	if (seen <= want)
		return h->max;
	value = value_of(i);
	return value < h->max ? value : h->max;
}
