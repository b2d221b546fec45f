/* html: the five characters that mean something, and bytes that are no text. */
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "http/html.h"

#define NO_CHARACTER "\xef\xbf\xbd" /* U+FFFD */

static size_t
utf8_length(const char *s, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (text_utf8(s, n))
			return n;
	return 0;
}

static const char *
entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '\t':
	case '\n':
		return NULL;
	default:
		return (unsigned char)c < 0x20 || c == 0x7f ? NO_CHARACTER :
		    NULL;
	}
}

void
html_text(FILE *out, const char *text)
{
	size_t left = strlen(text), n;

	for (; left > 0; text += n, left -= n) {
		const char *instead = entity(*text);

		n = utf8_length(text, left);
		if (n == 0)
			instead = NO_CHARACTER;
		if (n == 0)
			n = 1;
		if (instead != NULL)
			fputs(instead, out);
		else
			fwrite(text, 1, n, out);
	}
}

void
html_textf(FILE *out, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	html_text(out, text);
}
