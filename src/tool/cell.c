/* cell: escaping and measuring with the C library's tables of widths. */
#include <bsd/string.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "tool/cell.h"

/*
 * wcwidth() and mbrtowc() ask the locale.  The data here is UTF-8 whatever
 * the user's locale is, so C.UTF-8 (which is built into glibc) is used.
 */
static locale_t
utf8_enter(locale_t *old)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	*old = utf8 != (locale_t)0 ? uselocale(utf8) : (locale_t)0;
	return utf8;
}

static void
utf8_leave(locale_t utf8, locale_t old)
{
	if (utf8 == (locale_t)0)
		return;
	uselocale(old);
	freelocale(utf8);
}

/* The bytes of one printable character and its columns; 0: not printable. */
static size_t
character(const char *src, size_t *columns)
{
	mbstate_t state = { 0 };
	wchar_t wc;
	size_t n = mbrtowc(&wc, src, strlen(src), &state);
	int width;

	if (n == 0 || n == (size_t)-1 || n == (size_t)-2)
		return 0;
	if ((width = wcwidth(wc)) < 0)
		return 0;
	*columns = (size_t)width;
	return n;
}

/* What most text is needs no locale. */
static bool
plain(const char *s)
{
	while (*s >= ' ' && *s <= '~')
		s++;
	return *s == '\0';
}

static size_t
escape_byte(char out[5], unsigned char byte)
{
	if (byte == '\n' || byte == '\t')
		return (size_t)snprintf(out, 5, "\\%c",
		    byte == '\n' ? 'n' : 't');
	return (size_t)snprintf(out, 5, "\\x%02x", byte);
}

size_t
cell_escape(char *dst, size_t size, const char *src)
{
	locale_t old, utf8;
	size_t used = 0, columns = 0;

	if (plain(src)) {
		columns = strlcpy(dst, src, size);
		return columns < size ? columns : size - 1;
	}
	utf8 = utf8_enter(&old);
	while (*src != '\0') {
		char escaped[5];
		const char *from = src;
		size_t width, n = character(src, &width), len = n;

		if (n == 0) {
			len = width = escape_byte(escaped, (unsigned char)*src);
			from = escaped;
			n = 1;
		}
		if (len >= size - used)
			break;
		memcpy(dst + used, from, len);
		used += len;
		columns += width;
		src += n;
	}
	dst[used] = '\0';
	utf8_leave(utf8, old);
	return columns;
}

size_t
cell_clip(const char *text, size_t columns)
{
	locale_t old, utf8;
	size_t used = 0, width, n;

	if (plain(text))
		return strnlen(text, columns);
	utf8 = utf8_enter(&old);
	while (text[used] != '\0') {
		if ((n = character(text + used, &width)) == 0)
			n = width = 1;
		if (width > columns)
			break;
		columns -= width;
		used += n;
	}
	utf8_leave(utf8, old);
	return used;
}

char *
cell_age(char *dst, size_t size, double seconds)
{
	unsigned long s = seconds > 0 ? (unsigned long)seconds : 0;

	if (s < 60)
		snprintf(dst, size, "%lus", s);
	else if (s < 3600)
		snprintf(dst, size, "%lum%02lus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(dst, size, "%luh%02lum", s / 3600, s / 60 % 60);
	else
		snprintf(dst, size, "%lud%02luh", s / 86400, s / 3600 % 24);
	return dst;
}
