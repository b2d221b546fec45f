/*
 * keys_number: the types whose value is a number: sizes, counts, times, yes
 * and no, choices.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/keys_value.h"
#include "base/size.h"
#include "base/text.h"

#define SHOWN 80
static const char *
show(char dst[SHOWN], const char *text)
{
	return text_escape(dst, SHOWN, text, strlen(text));
}

/* Digits up to *end; -1: too large. */
static int
parse_digits(const char *text, const char **end, uint64_t *n)
{
	*n = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(*n, 10, n) ||
		    __builtin_add_overflow(*n, *text - '0', n))
			return -1;
	*end = text;
	return 0;
}

static int
too_large(const char *text, struct diag *d)
{
	char shown[SHOWN];

	return diag_set(d, "%s is too large", show(shown, text));
}

static int
parse_size(const struct key *key, const char *text, uint64_t *n,
    struct diag *d)
{
	(void)key;
	return size_parse(text, n, d);
}

static int
parse_count(const struct key *key, const char *text, uint64_t *n,
    struct diag *d)
{
	char shown[SHOWN];
	const char *end;

	(void)key;
	if (text[strspn(text, "0123456789")] != '\0')
		return diag_set(d, "\"%s\" is not a whole number; write it "
		    "with digits only", show(shown, text));
	return parse_digits(text, &end, n) == -1 ? too_large(text, d) : 0;
}

static const struct unit {
	char suffix;
	unsigned seconds;
} units[] = { { 'h', 3600 }, { 'm', 60 }, { 's', 1 }, { '\0', 1 } };

static const struct unit *
unit_find(const char *suffix)
{
	size_t i;

	for (i = 0; i < sizeof units / sizeof *units; i++)
		if (suffix[0] == units[i].suffix &&
		    (suffix[0] == '\0' || suffix[1] == '\0'))
			return &units[i];
	return NULL;
}

static int
parse_seconds(const struct key *key, const char *text, uint64_t *n,
    struct diag *d)
{
	size_t digits = strspn(text, "0123456789");
	const struct unit *unit = unit_find(text + digits);
	char shown[SHOWN];
	const char *end;

	(void)key;
	if (digits == 0 || unit == NULL)
		return diag_set(d, "\"%s\" is not a time; write a whole number "
		    "with s, m or h behind it, like 90s, 5m or 2h",
		    show(shown, text));
	if (parse_digits(text, &end, n) == -1 ||
	    __builtin_mul_overflow(*n, unit->seconds, n))
		return too_large(text, d);
	return 0;
}

static int
parse_bool(const struct key *key, const char *text, uint64_t *n,
    struct diag *d)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false",
		"true", "0", "1" };
	char shown[SHOWN];
	size_t i;

	(void)key;
	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(text, words[i]) == 0) {
			*n = i % 2;
			return 0;
		}
	return diag_set(d, "\"%s\" is neither yes nor no; write one of them",
	    show(shown, text));
}

static int
parse_enum(const struct key *key, const char *text, uint64_t *n,
    struct diag *d)
{
	char shown[SHOWN], names[512] = "";
	size_t i, len = 0;

	for (i = 0; key->choices[i] != NULL; i++)
		if (strcmp(text, key->choices[i]) == 0) {
			*n = i;
			return 0;
		}
	for (i = 0; key->choices[i] != NULL && len < sizeof names; i++)
		len += (size_t)snprintf(names + len, sizeof names - len, "%s%s",
		    i == 0 ? "" : key->choices[i + 1] == NULL ? " or " : ", ",
		    key->choices[i]);
	return diag_set(d, "\"%s\" is not known; write %s", show(shown, text),
	    names);
}

static int (*const parsers[])(const struct key *, const char *, uint64_t *,
    struct diag *) = {
	[KEY_SIZE] = parse_size,
	[KEY_COUNT] = parse_count,
	[KEY_SECONDS] = parse_seconds,
	[KEY_BOOL] = parse_bool,
	[KEY_ENUM] = parse_enum,
};

static int
check_range(const struct key *key, uint64_t n, struct diag *d)
{
	struct buf b;

	if (key->max == 0 || (n >= key->min && n <= key->max))
		return 0;
	buf_init(&b, 256);
	if (number_print(key, n, &b) == 0 &&
	    buf_addf(&b, " is out of range; write ") == 0 &&
	    number_print(key, key->min, &b) == 0 &&
	    buf_addf(&b, " to ") == 0 &&
	    number_print(key, key->max, &b) == 0)
		diag_set(d, "%s", b.data);
	else
		diag_errno(d, "the value is out of range");
	buf_free(&b);
	return -1;
}

int
number_parse(const struct key *key, const char *text, uint64_t *n,
    struct diag *d)
{
	if (*text == '\0')
		return diag_set(d, "the value is empty; leave the line out for "
		    "the default");
	if (parsers[key->type](key, text, n, d) == -1)
		return -1;
	return check_range(key, *n, d);
}

static int
print_seconds(uint64_t n, struct buf *b)
{
	const struct unit *u = units;

	if (n == 0)
		return buf_add(b, "0", 1);
	while (n % u->seconds != 0)
		u++;
	return buf_addf(b, "%llu%c", (unsigned long long)(n / u->seconds),
	    u->suffix);
}

static int
print_enum(const struct key *key, uint64_t n, struct buf *b)
{
	uint64_t i;

	for (i = 0; key->choices[i] != NULL; i++)
		if (i == n)
			return buf_addf(b, "%s", key->choices[i]);
	errno = EINVAL;
	return -1;
}

int
number_print(const struct key *key, uint64_t n, struct buf *b)
{
	char text[SIZE_TEXT];

	switch (key->type) {
	case KEY_SIZE:
		return buf_addf(b, "%s", size_format(text, sizeof text, n));
	case KEY_COUNT:
		return buf_addf(b, "%llu", (unsigned long long)n);
	case KEY_SECONDS:
		return print_seconds(n, b);
	case KEY_BOOL:
		return buf_addf(b, "%s", n ? "yes" : "no");
	case KEY_ENUM:
		return print_enum(key, n, b);
	default:
		errno = EINVAL;
		return -1;
	}
}
