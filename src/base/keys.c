/* keys: structs that a table describes, as a whole and one key at a time. */
#include "base/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/keys_value.h"
#include "base/text.h"

int
keys_init(const struct key *table, void *obj, struct diag *d)
{
	const struct key *key;
	struct value v;

	for (key = table; key->name != NULL; key++) {
		if (key_later(key))
			continue;
		if (value_default(key, &v, d) == -1)
			return -1;
		value_store(key, obj, &v);
	}
	return 0;
}

void
keys_clear(const struct key *table, void *obj)
{
	const struct value none = { 0, NULL };
	const struct key *key;

	for (key = table; key->name != NULL; key++)
		if (!key_later(key))
			value_store(key, obj, &none);
}

int
keys_copy(const struct key *table, void *dst, const void *src)
{
	const struct key *key;
	struct value v;

	for (key = table; key->name != NULL; key++) {
		if (key_later(key))
			continue;
		v = value_load(key, src);
		if (v.text != NULL && (v.text = strdup(v.text)) == NULL) {
			keys_clear(table, dst);
			return -1;
		}
		value_store(key, dst, &v);
	}
	return 0;
}

bool
keys_equal(const struct key *table, const void *a, const void *b)
{
	const struct key *key;
	struct value va, vb;

	for (key = table; key->name != NULL; key++) {
		if (key_later(key))
			continue;
		va = value_load(key, a);
		vb = value_load(key, b);
		if (!value_equal(key, &va, &vb))
			return false;
	}
	return true;
}

const struct key *
keys_find(const struct key *table, const char *name)
{
	const struct key *key;

	for (key = table; key->name != NULL; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static size_t
rows(const struct key *table)
{
	size_t n = 0;

	while (table[n].name != NULL)
		n++;
	return n;
}

const char *
keys_nearest(const struct key *table, const char *name)
{
	return text_nearest(name, &table->name, rows(table), sizeof *table);
}

static int
unknown(const struct key *table, const char *name, struct diag *d)
{
	const char *nearest = keys_nearest(table, name);
	const struct key *key;
	char shown[80], known[DIAG_MAX / 2] = "";
	size_t len = 0;

	text_escape(shown, sizeof shown, name, strlen(name));
	if (nearest != NULL)
		return diag_set(d, "unknown key \"%s\"; did you mean \"%s\"?",
		    shown, nearest);
	for (key = table; key->name != NULL && len < sizeof known; key++)
		if (!key_later(key))
			len += (size_t)snprintf(known + len,
			    sizeof known - len, "%s%s", len > 0 ? ", " : "",
			    key->name);
	return diag_set(d, "unknown key \"%s\"; known are %s", shown, known);
}

int
keys_set(const struct key *table, void *obj, const char *name,
    const char *value, struct diag *d)
{
	const struct key *key = keys_find(table, name);
	struct value v;

	if (key == NULL)
		return unknown(table, name, d);
	if (key_later(key))
		return diag_set(d, "\"%s\" is not supported yet", name);
	if (value_parse(key, value, &v, d) == -1)
		return -1;
	value_store(key, obj, &v);
	return 0;
}

int
keys_value(const struct key *key, const void *obj, struct buf *b)
{
	struct value v;

	if (key_later(key))
		return 0;
	v = value_load(key, obj);
	return value_print(key, &v, b);
}

struct option *
keys_options(const struct key *table, const struct option *extra, int base)
{
	size_t nextra = 0, n = rows(table), i, at;
	struct option *options;

	while (extra != NULL && extra[nextra].name != NULL)
		nextra++;
	options = calloc(nextra + n + 1, sizeof *options);
	if (options == NULL)
		return NULL;
	for (at = 0; at < nextra; at++)
		options[at] = extra[at];
	for (i = 0; i < n; i++)
		if (!key_later(&table[i]))
			options[at++] = (struct option){ table[i].name,
				required_argument, NULL, base + (int)i };
	return options;
}
