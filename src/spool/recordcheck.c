/* recordcheck: the values of an export's keys, each by itself. */
#include <limits.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "spool/recordpriv.h"
#include "spool/url.h"

/* The protocol's limit on strings. */
#define STRING_MAX 4096

/* Of x86's 2048, less what is added for the export. */
#define CMDLINE_MAX 1536

/* What people may write for an image that is not a path. */
static const struct {
	const char *prefix, *what;
} image_kinds[] = {
	{ "memory:", "an image in memory" },
	{ "rbd:", "an RBD image" },
	{ "nbd:", "an export of another NBD server" },
	{ "nbds:", "an export of another NBD server" },
	{ "nbd+unix:", "an export of another NBD server" },
	{ "nbds+unix:", "an export of another NBD server" },
};

/* Room for what a value begins with, in a message. */
#define SHOWN 200
static const char *
show(char dst[SHOWN], const char *value)
{
	return text_escape(dst, SHOWN, value, strlen(value));
}

int
record_check_path(const char *value, struct diag *d)
{
	char shown[SHOWN];
	size_t len = strlen(value);

	if (value[0] != '/')
		return diag_set(d, "\"%s\" is not an absolute path; write the "
		    "whole path, beginning with /", show(shown, value));
	if (len >= PATH_MAX)
		return diag_set(d, "the path has %zu bytes; the most is %d",
		    len, PATH_MAX - 1);
	return 0;
}

/*
 * It becomes a part of a script for iPXE, which knows no quotes: some words
 * are its own wherever they stand.
 */
int
record_check_cmdline(const char *value, struct diag *d)
{
	size_t len = strlen(value), n;

	if (len > CMDLINE_MAX)
		return diag_set(d, "the command line has %zu bytes; kernels "
		    "take at most %d with what is added to it", len,
		    CMDLINE_MAX);
	if (strstr(value, "${") != NULL)
		return diag_set(d, "\"${\" is a variable to iPXE; it cannot "
		    "stand in a command line");
	for (const char *word = value; *word != '\0'; word += n) {
		word += strspn(word, " \t");
		n = strcspn(word, " \t");
		if (word[0] == '#' || (n == 2 && (strncmp(word, "||", 2) == 0 ||
		    strncmp(word, "&&", 2) == 0)))
			return diag_set(d, "the word \"%.*s\" ends a command "
			    "of iPXE; it cannot stand in a command line",
			    n > 40 ? 40 : (int)n, word);
	}
	return 0;
}

int
record_check_image(const char *value, struct diag *d)
{
	char shown[SHOWN];

	if (url_is(value))
		return diag_set(d, "\"%s\" is an address, not a path; write "
		    "it as source = %s", show(shown, value), shown);
	for (size_t i = 0; i < sizeof(image_kinds) / sizeof(*image_kinds); i++)
		if (strncmp(value, image_kinds[i].prefix,
		    strlen(image_kinds[i].prefix)) == 0)
			return diag_set(d, "\"%s\" is %s, which is not "
			    "supported yet; write the absolute path of a file "
			    "or block device", show(shown, value),
			    image_kinds[i].what);
	if (value[0] != '/' && strstr(value, "://") != NULL)
		return diag_set(d, "\"%s\" is an address that is not fetched "
		    "from; right is one that begins with https:// or http://, "
		    "or an absolute path", show(shown, value));
	return record_check_path(value, d);
}

int
record_check_description(const char *value, struct diag *d)
{
	size_t len = strlen(value);

	if (len > STRING_MAX)
		return diag_set(d, "the description has %zu bytes; clients "
		    "take at most %d", len, STRING_MAX);
	return 0;
}

int
record_check_mode(const char *value, struct diag *d)
{
	if (strcmp(value, mode_names[MODE_COW]) == 0)
		return diag_set(d,
		    "\"cow\" is not supported yet; write ro or rw");
	return 0;
}

bool
record_is_sum(const char *value)
{
	size_t len = strspn(value, "0123456789abcdefABCDEF");

	return value[len] == '\0' && len >= 32;
}

/* The sum, or where a list of sums is: beside the source, or anywhere. */
static int
check_sum(const char *value, size_t digits, struct diag *d)
{
	size_t len = strlen(value);

	if (record_is_sum(value) && len != digits)
		return diag_set(d, "\"%.140s\" has %zu digits; this sum has "
		    "%zu", value, len, digits);
	if (record_is_sum(value))
		return 0;
	if (url_is(value))
		return url_check(value, d);
	if (len > 255 || value[strspn(value, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-/%")] != '\0')
		return diag_set(d, "\"%.140s\" is neither a sum of %zu "
		    "hexadecimal digits nor the name of a list of sums beside "
		    "the source", value, digits);
	return 0;
}

int
record_check_sha256(const char *value, struct diag *d)
{
	return check_sum(value, 64, d);
}

int
record_check_sha512(const char *value, struct diag *d)
{
	return check_sum(value, 128, d);
}

bool
record_is_power(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

int
record_check_power(const char *value, struct diag *d)
{
	char below[SIZE_TEXT], above[SIZE_TEXT];
	uint64_t n, p;

	if (size_parse(value, &n, d) == -1)
		return -1;
	if (record_is_power(n))
		return 0;
	/* The range was checked before: 3 at least, and far from overflow. */
	for (p = 4; p < n; p *= 2)
		;
	return diag_set(d, "\"%s\" is not a power of two; the nearest are %s "
	    "and %s", value, size_format(below, sizeof(below), p / 2),
	    size_format(above, sizeof(above), p));
}
