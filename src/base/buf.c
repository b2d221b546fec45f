/* buf: growth is by doubling, never beyond max and its NUL. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof *b);
	b->max = max;
}

void
buf_free(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->data);
	buf_init(b, b->max);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

/* Make room for len more bytes and the NUL. */
static int
reserve(struct buf *b, size_t len)
{
	size_t need, cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
	char *data;

	if (__builtin_add_overflow(b->len, len, &need) || need > b->max ||
	    __builtin_add_overflow(need, (size_t)1, &need)) {
		errno = EFBIG;
		return -1;
	}
	if (b->data != NULL && need <= b->cap)
		return 0;
	while (cap < need)
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			cap = need;
	if (b->max < cap)
		cap = b->max + 1;
	data = realloc(b->data, cap);
	if (data == NULL)
		return -1;
	b->data = data;
	b->cap = cap;
	return 0;
}

int
buf_add(struct buf *b, const void *data, size_t len)
{
	if (reserve(b, len) == -1)
		return -1;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || reserve(b, (size_t)n) == -1)
		return -1;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

char *
buf_take(struct buf *b)
{
	char *data;

	/* Nothing was ever added: an empty text, unless memory is short. */
	if (b->data == NULL && buf_add(b, "", 0) == -1)
		return NULL;
	data = b->data;
	buf_init(b, b->max);
	return data;
}
