/* keys_text: a whole struct as a file's text, and a table as help. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/keys.h"
#include "base/keys_value.h"

struct parse {
	const struct key *table;
	void *obj;
	bool *seen; /* by row */
};

static int
on_setting(void *arg, const char *name, const char *value, unsigned line,
    struct diag *d)
{
	struct parse *p = arg;

	(void)line;
	if (keys_set(p->table, p->obj, name, value, d) == -1)
		return -1;
	p->seen[keys_find(p->table, name) - p->table] = true;
	return 0;
}

static int
check_required(const struct parse *p, const char *file, struct diag *d)
{
	const struct key *key;

	for (key = p->table; key->name != NULL; key++)
		if ((key->flags & KEY_REQUIRED) && !key_later(key) &&
		    !p->seen[key - p->table])
			return diag_set(d, "%s: \"%s\" is missing; add the "
			    "line %s = %s", file, key->name, key->name,
			    key->arg != NULL ? key->arg : "VALUE");
	return 0;
}

int
keys_parse(const struct key *table, void *obj, const char *section,
    const char *text, size_t len, const char *file, struct diag *d)
{
	struct parse p = { table, obj, NULL };
	size_t n = 0;
	int result;

	while (table[n].name != NULL)
		n++;
	p.seen = calloc(n + 1, sizeof *p.seen);
	if (p.seen == NULL)
		return diag_errno(d, "cannot read %s", file);
	result = conf_parse(text, len, file, section, on_setting, &p, d);
	if (result == 0)
		result = check_required(&p, file, d);
	free(p.seen);
	return result;
}

/*
 * Whether the text would be read as this very value: the proof that nothing
 * is lost by writing it, whatever the type and its checks are.
 */
static int
check_readable(const struct key *key, const struct value *v, const char *text,
    struct diag *d)
{
	struct value again;
	bool same;

	if (value_parse(key, text, &again, d) == -1)
		return -1;
	same = value_equal(key, v, &again);
	free(again.text);
	return same ? 0 : diag_set(d, "\"%s\": the value would not be read "
	    "back as it is", key->name);
}

/* "name = value\n"; line is a buffer to use. */
static int
format_line(const struct key *key, const struct value *v, struct buf *line,
    struct buf *b, struct diag *d)
{
	buf_reset(line);
	if (value_print(key, v, line) == -1 || buf_add(line, "", 0) == -1)
		return diag_errno(d, "\"%s\": cannot write the value",
		    key->name);
	if (check_readable(key, v, line->data, d) == -1)
		return -1;
	if (buf_addf(b, "%s =%s%s\n", key->name, line->len > 0 ? " " : "",
	    line->data) == -1)
		return diag_errno(d, "\"%s\": cannot write the line",
		    key->name);
	return 0;
}

static int
format_key(const struct key *key, const void *obj, struct buf *line,
    struct buf *b, struct diag *d)
{
	struct value v = value_load(key, obj), def;
	bool same;

	if (key_later(key))
		return 0;
	if (value_default(key, &def, d) == -1)
		return -1;
	same = value_equal(key, &v, &def);
	free(def.text);
	if (same && !(key->flags & KEY_REQUIRED))
		return 0;
	return format_line(key, &v, line, b, d);
}

int
keys_format(const struct key *table, const void *obj, const char *section,
    struct buf *b, struct diag *d)
{
	size_t before = b->len;
	const struct key *key;
	struct buf line;
	int result = 0;

	buf_init(&line, 2 * CONF_LINE_MAX);
	if (buf_addf(b, "[%s]\n", section) == -1)
		result = diag_errno(d, "cannot write [%s]", section);
	for (key = table; result == 0 && key->name != NULL; key++)
		result = format_key(key, obj, &line, b, d);
	buf_free(&line);
	if (result == -1) {
		b->len = before;
		if (b->data != NULL)
			b->data[before] = '\0';
	}
	return result;
}

/* "--name=ARG" */
static int
help_option(const struct key *key, char *dst, size_t size)
{
	static const char *const types[] = {
		[KEY_STRING] = "TEXT", [KEY_SIZE] = "SIZE",
		[KEY_COUNT] = "N", [KEY_SECONDS] = "TIME",
		[KEY_BOOL] = "yes|no", [KEY_ENUM] = "", [KEY_LIST] = "LIST"
	};
	int n = snprintf(dst, size, "--%s=%s", key->name,
	    key->arg != NULL ? key->arg : types[key->type]);
	size_t i;

	if (key->arg != NULL || key->type != KEY_ENUM)
		return n;
	for (i = 0; key->choices[i] != NULL && n < (int)size; i++)
		n += snprintf(dst + n, size - (size_t)n, "%s%s",
		    i > 0 ? "|" : "", key->choices[i]);
	return n;
}

int
keys_help(const struct key *table, struct buf *b)
{
	const struct key *key;
	char option[128];
	int width = 0, n;

	for (key = table; key->name != NULL; key++)
		if (!key_later(key)) {
			n = help_option(key, option, sizeof option);
			width = n > width ? n : width;
		}
	for (key = table; key->name != NULL; key++) {
		if (key_later(key))
			continue;
		help_option(key, option, sizeof option);
		if (buf_addf(b, "  %-*s  %s", width, option, key->help) == -1 ||
		    (key->value != NULL &&
		    buf_addf(b, " [%s]", key->value) == -1) ||
		    buf_add(b, "\n", 1) == -1)
			return -1;
	}
	return 0;
}
