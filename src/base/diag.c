/*
 * diag: the words of an error.  Everything is put together in a second buffer
 * first, since arguments may point into the text that is replaced.
 */
#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* snprintf() cut a text off: drop what is left of a cut UTF-8 character. */
static void
drop_partial(char *text, size_t len)
{
	size_t start = len, need;
	unsigned char lead;

	while (start > 0 && len - start < 4 &&
	    ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	lead = (unsigned char)text[start - 1];
	need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (need > len - start + 1)
		text[start - 1] = '\0';
}

static void
format(char text[DIAG_MAX], const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
format(char text[DIAG_MAX], const char *fmt, va_list ap)
{
	int n = vsnprintf(text, DIAG_MAX, fmt, ap);

	if (n < 0)
		text[0] = '\0';
	else if (n >= DIAG_MAX)
		drop_partial(text, DIAG_MAX - 1);
}

/* Replace d's text by "words: rest". */
static void
join(struct diag *d, const char *words, const char *rest)
{
	char text[DIAG_MAX];
	int n = snprintf(text, sizeof text, "%s: %s", words, rest);

	if (n >= DIAG_MAX)
		drop_partial(text, DIAG_MAX - 1);
	memcpy(d->text, text, sizeof text);
}

int
diag_set(struct diag *d, const char *fmt, ...)
{
	int saved = errno;
	char text[DIAG_MAX];
	va_list ap;

	if (d != NULL) {
		va_start(ap, fmt);
		format(text, fmt, ap);
		va_end(ap);
		memcpy(d->text, text, strlen(text) + 1);
	}
	errno = saved;
	return -1;
}

int
diag_errno(struct diag *d, const char *fmt, ...)
{
	int saved = errno;
	char text[DIAG_MAX], why[128];
	va_list ap;

	if (d != NULL) {
		va_start(ap, fmt);
		format(text, fmt, ap);
		va_end(ap);
		join(d, text, strerror_r(saved, why, sizeof why));
	}
	errno = saved;
	return -1;
}

int
diag_prefix(struct diag *d, const char *fmt, ...)
{
	int saved = errno;
	char text[DIAG_MAX];
	va_list ap;

	if (d != NULL) {
		va_start(ap, fmt);
		format(text, fmt, ap);
		va_end(ap);
		join(d, text, d->text);
	}
	errno = saved;
	return -1;
}
