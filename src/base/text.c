/*
 * text: what is valid, what is printable, what was probably meant, and the
 * items of a list.
 */
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * The length of the UTF-8 character at p (RFC 3629, table in section 4), or 0
 * when it is none: the second byte's range is what keeps overlong forms,
 * surrogates and what is above U+10FFFF out.
 */
static size_t
utf8_char(const unsigned char *p, size_t len)
{
	unsigned char c = p[0], low = 0x80, high = 0xbf;
	size_t need, i;

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	if (len < need || p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < need; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return need;
}

bool
text_utf8(const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		if (*p == '\0')
			return false;
		n = utf8_char(p, len);
		if (n == 0)
			return false;
	}
	return true;
}

/*
 * One character of the input, printable, into piece; returns how many bytes
 * of the input it stands for.  U+0080 to U+009F are control characters too:
 * some terminals take U+009B for an escape sequence's start.
 */
static size_t
escape_char(char piece[8], const unsigned char *p, size_t len)
{
	static const char special[] = "\\\\\"\"\nn\tt\rr";
	size_t n = utf8_char(p, len), i;

	for (i = 0; special[i] != '\0'; i += 2)
		if (*p == (unsigned char)special[i]) {
			snprintf(piece, 8, "\\%c", special[i + 1]);
			return 1;
		}
	if (n == 0 || *p < 0x20 || *p == 0x7f ||
	    (*p == 0xc2 && p[1] < 0xa0)) {
		snprintf(piece, 8, "\\x%02x", *p);
		return 1;
	}
	memcpy(piece, p, n);
	piece[n] = '\0';
	return n;
}

char *
text_escape(char *dst, size_t size, const void *src, size_t len)
{
	const unsigned char *p = src;
	size_t out = 0, mark = 0, n, add;
	char piece[8];

	if (size == 0)
		return dst;
	for (; len > 0; p += n, len -= n) {
		n = escape_char(piece, p, len);
		add = strlen(piece);
		if (add > size - 1 - out) {
			/* mark: the last place that leaves room for "..." */
			snprintf(dst + mark, size - mark, "...");
			return dst;
		}
		memcpy(dst + out, piece, add);
		out += add;
		if (out + 4 <= size)
			mark = out;
	}
	dst[out] = '\0';
	return dst;
}

#define WORD_MAX 64

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

static bool
same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/*
 * Edits from a to b: a letter more, less or another one, or two neighbours
 * swapped.  Upper and lower case count as the same.
 */
static unsigned
distance(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned row[3][WORD_MAX + 1];
	unsigned *prev2 = row[0], *prev = row[1], *cur = row[2], *spare;
	size_t i, j;

	for (j = 0; j <= blen; j++)
		prev[j] = (unsigned)j;
	for (i = 1; i <= alen; i++) {
		cur[0] = (unsigned)i;
		for (j = 1; j <= blen; j++) {
			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1,
			    prev[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]) && prev2[j - 2] < cur[j])
				cur[j] = prev2[j - 2] + 1;
		}
		spare = prev2;
		prev2 = prev;
		prev = cur;
		cur = spare;
	}
	return prev[blen];
}

/* Up to a third of the longer word's letters may be wrong, but not all. */
static bool
near_enough(unsigned edits, size_t wordlen, size_t namelen)
{
	size_t most = (wordlen > namelen ? wordlen : namelen) / 3;

	return edits <= (most > 1 ? most : 1) && edits < wordlen;
}

const char *
text_nearest(const char *word, const char *const *names, size_t count,
    size_t stride)
{
	size_t len = strlen(word), nlen, i;
	const char *nearest = NULL, *name;
	unsigned edits, best = WORD_MAX;

	if (len > WORD_MAX)
		return NULL;
	for (i = 0; i < count; i++) {
		name = *(const char *const *)((const char *)names + i * stride);
		nlen = strlen(name);
		if (nlen > WORD_MAX)
			continue;
		edits = distance(word, len, name, nlen);
		if (edits < best && near_enough(edits, len, nlen)) {
			best = edits;
			nearest = name;
		}
	}
	return nearest;
}

const char *
text_item(const char **cursor, size_t *len)
{
	const char *item;

	if (*cursor == NULL)
		return NULL;
	item = *cursor + strspn(*cursor, ", \t");
	*len = strcspn(item, ", \t");
	*cursor = item + *len;
	return *len > 0 ? item : NULL;
}

bool
text_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

char *
text_time(char *dst, size_t size, long long seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(dst, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(dst, size, "@%lld", seconds);
	return dst;
}
