/* sums: a line is looked at as a sum and a name, in either order. */
#include <bsd/string.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "fetch/sums.h"

#define HEX "0123456789abcdefABCDEF"
#define LINE_MAX_LEN 4096

struct found {
	char *sum;
	size_t digits;
	bool any, twice;
	size_t alone; /* lines that are nothing but a sum */
	char lone[256];
};

static bool
is_sum(const char *text, size_t len, size_t digits)
{
	return len == digits && strspn(text, HEX) >= digits;
}

static void
lower(char *dst, const char *sum, size_t digits)
{
	for (size_t i = 0; i < digits; i++)
		dst[i] = sum[i] >= 'A' && sum[i] <= 'F' ? sum[i] + 32 : sum[i];
	dst[digits] = '\0';
}

/* "./debian/x.img" is x.img. */
static bool
names(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}

static void
take(struct found *f, const char *sum)
{
	char one[256];

	lower(one, sum, f->digits);
	if (f->any && strcmp(one, f->sum) != 0)
		f->twice = true;
	memcpy(f->sum, one, f->digits + 1);
	f->any = true;
}

/* "SHA256 (NAME) = SUM" */
static void
look_tagged(struct found *f, char *line, const char *name)
{
	char *open = strstr(line, " ("), *close = NULL;

	for (char *at = open; at != NULL; at = strstr(at + 1, ") = "))
		close = at;
	if (open == NULL || close == NULL || close == open ||
	    !is_sum(close + 4, strlen(close + 4), f->digits))
		return;
	*close = '\0';
	if (names(open + 2, name))
		take(f, close + 4);
}

/* "SUM  NAME", "SUM *NAME", "\SUM  NAME" for a name with escapes. */
static void
look(struct found *f, char *line, const char *name)
{
	size_t len, gap;

	if (line[0] == '\\')
		line++;
	len = strcspn(line, " \t");
	if (!is_sum(line, len, f->digits)) {
		look_tagged(f, line, name);
		return;
	}
	gap = strspn(line + len, " \t");
	if (line[len + gap] == '\0') {
		f->alone++;
		lower(f->lone, line, f->digits);
		return;
	}
	if (line[len + gap] == '*' && !names(line + len + gap, name))
		gap++;
	if (names(line + len + gap, name))
		take(f, line);
}

static void
each_line(struct found *f, const char *text, size_t len, const char *name)
{
	const char *end = text + len;
	char line[LINE_MAX_LEN];

	while (text < end) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((lf != NULL ? lf : end) - text);

		if (n < sizeof(line) && memchr(text, '\0', n) == NULL) {
			memcpy(line, text, n);
			while (n > 0 && strchr(" \t\r", line[n - 1]) != NULL)
				n--;
			line[n] = '\0';
			look(f, line, name);
		}
		text = lf != NULL ? lf + 1 : end;
	}
}

int
sums_find(const char *text, size_t len, const char *name, size_t digits,
    char *sum, struct diag *d)
{
	struct found f = { .sum = sum, .digits = digits };
	char shown[200];

	each_line(&f, text, len, name);
	if (!f.any && f.alone == 1) {
		memcpy(sum, f.lone, digits + 1);
		return 0;
	}
	text_escape(shown, sizeof(shown), name, strlen(name));
	if (!f.any)
		return diag_set(d, "there is no sum of %zu digits for \"%s\" "
		    "in it", digits, shown);
	if (f.twice)
		return diag_set(d, "there is more than one sum for \"%s\" in "
		    "it", shown);
	return 0;
}
