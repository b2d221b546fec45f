/*
 * fuzz_conf: any bytes as a file.  Strict INI reads exactly what stands on a
 * line; what a key table reads can be written, and reads as the same again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/keys.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char *const modes[] = { "ro", "rw", "cow", NULL };

struct thing {
	char *image, *title, *allow;
	uint64_t size, count, time;
	unsigned mode;
	bool probe;
};

static int
check_absolute(const char *value, struct diag *d)
{
	return value[0] == '/' ? 0 : diag_set(d, "not absolute");
}

#define ROW(n, t, m) .name = n, .type = t, .offset = offsetof(struct thing, m)
static const struct key table[] = {
	{ ROW("image", KEY_STRING, image), .check = check_absolute,
	    .value = "/x" },
	{ ROW("title", KEY_STRING, title), .flags = KEY_UTF8 },
	{ ROW("allow", KEY_LIST, allow), .value = "a, b" },
	{ ROW("size", KEY_SIZE, size), .value = "64k", .min = 1,
	    .max = 1u << 31 },
	{ ROW("count", KEY_COUNT, count) },
	{ ROW("time", KEY_SECONDS, time), .value = "10" },
	{ ROW("mode", KEY_ENUM, mode), .choices = modes },
	{ ROW("probe", KEY_BOOL, probe), .value = "yes" },
	{ .name = "tls", .flags = KEY_LATER },
	{ 0 }
};

static void
require(bool truth)
{
	if (!truth)
		abort();
}

struct lines {
	const char *text;
	size_t len;
	unsigned last;
};

/* The line must hold the name first and the value last. */
static int
on_line(void *arg, const char *name, const char *value, unsigned line,
    struct diag *d)
{
	struct lines *l = arg;
	const char *at = l->text, *behind = l->text + l->len, *end;
	size_t n = strlen(value);
	unsigned i;

	(void)d;
	require(line > l->last);
	l->last = line;
	for (i = 1; i < line; i++)
		at = (const char *)memchr(at, '\n', (size_t)(behind - at)) + 1;
	end = memchr(at, '\n', (size_t)(behind - at));
	if (end == NULL)
		end = behind;
	if (line == 1 && end - at >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	require((size_t)(end - at) > strlen(name));
	require(memcmp(at, name, strlen(name)) == 0);
	while (end > at && strchr(" \t\r", end[-1]) != NULL)
		end--;
	require((size_t)(end - at) >= n && memcmp(end - n, value, n) == 0);
	require(conf_value_check(value, NULL) == 0);
	return 0;
}

static void
read_lines(const char *text, size_t len)
{
	struct lines l = { text, len, 0 };
	struct diag d = { "" };
	int result = conf_parse(text, len, "f", "x", on_line, &l, &d);

	require((result == -1) == (d.text[0] != '\0'));
	require(strlen(d.text) < DIAG_MAX);
	require(text_utf8(d.text, strlen(d.text)));
}

static void
read_keys(const char *text, size_t len)
{
	struct thing first = { 0 }, again = { 0 };
	struct diag d = { "" };
	struct buf b;

	buf_init(&b, CONF_FILE_MAX);
	require(keys_init(table, &first, &d) == 0);
	require(keys_init(table, &again, &d) == 0);
	if (keys_parse(table, &first, "x", text, len, "f", &d) == 0) {
		require(keys_format(table, &first, "x", &b, &d) == 0);
		require(keys_parse(table, &again, "x", b.data, b.len, "f",
		    &d) == 0);
		require(keys_equal(table, &first, &again));
	} else {
		require(strncmp(d.text, "f:", 2) == 0);
	}
	buf_free(&b);
	keys_clear(table, &first);
	keys_clear(table, &again);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	read_lines((const char *)data, size);
	read_keys((const char *)data, size);
	return 0;
}
