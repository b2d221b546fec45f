/* size: byte counts <-> text, always in powers of 1024. */
#include "base/size.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static const char suffixes[] = "BKMGTPE"; /* 1024^0, 1024^1, ... */

/* The power of 1024 that the suffix stands for, or -1. */
static int
suffix_power(const char *s)
{
	const char *at;

	if (*s == '\0')
		return 0;
	at = strchr(suffixes, *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);
	if (at == NULL)
		return -1;
	if (s[1] == '\0')
		return (int)(at - suffixes);
	if (at == suffixes ||
	    (strcasecmp(s + 1, "B") != 0 && strcasecmp(s + 1, "iB") != 0))
		return -1;
	return (int)(at - suffixes);
}

int
size_parse(const char *text, uint64_t *bytes, struct diag *d)
{
	size_t digits = strspn(text, "0123456789"), i;
	int power = suffix_power(text + digits);
	uint64_t n = 0;
	char shown[64];

	text_escape(shown, sizeof shown, text, strlen(text));
	if (digits == 0 || power == -1)
		return diag_set(d, "\"%s\" is not a size; write a whole number "
		    "with at most one of K, M, G, T behind it, like 64K",
		    shown);
	for (i = 0; i < digits; i++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, text[i] - '0', &n))
			goto large;
	for (; power > 0; power--)
		if (__builtin_mul_overflow(n, 1024, &n))
			goto large;
	*bytes = n;
	return 0;
large:
	return diag_set(d, "\"%s\" is too large; sizes are below 16E", shown);
}

char *
size_format(char *dst, size_t size, uint64_t bytes)
{
	unsigned power = 0;

	while (bytes != 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		power++;
	}
	if (power == 0)
		snprintf(dst, size, "%llu", (unsigned long long)bytes);
	else
		snprintf(dst, size, "%llu%c", (unsigned long long)bytes,
		    suffixes[power]);
	return dst;
}

char *
size_human(char *dst, size_t size, uint64_t bytes)
{
	double value = (double)bytes;
	unsigned power = 0;

	if (bytes < 1024) {
		snprintf(dst, size, "%u", (unsigned)bytes);
		return dst;
	}
	/* 999.5 and more would be rounded to four figures. */
	while (power == 0 || value >= 999.5) {
		value /= 1024;
		power++;
	}
	snprintf(dst, size, "%.3g%c", value, suffixes[power]);
	return dst;
}
