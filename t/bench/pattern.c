/* pattern: data that says where it belongs. */
#include "t/bench/pattern.h"

static unsigned char
pattern_byte(uint64_t at)
{
	return (unsigned char)((at & ~UINT64_C(7)) >> (8 * (7 - (at & 7))));
}

void
pattern_fill(unsigned char *p, size_t len, uint64_t at)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = pattern_byte(at + i);
}

int
pattern_check(const unsigned char *p, size_t len, uint64_t at, struct diag *d)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != pattern_byte(at + i))
			return diag_set(d,
			    "wrong data at offset %llu: %#x, want %#x",
			    (unsigned long long)at + i, p[i],
			    pattern_byte(at + i));
	return 0;
}
