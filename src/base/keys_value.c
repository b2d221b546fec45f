/* keys_value: text <-> value <-> member; numbers are in keys_number.c. */
#include "base/keys_value.h"

#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/text.h"

/* The items with ", " between, each checked; NULL when there is none. */
static int
parse_list(const struct key *key, const char *text, char **list,
    struct diag *d)
{
	const char *cursor = text, *item;
	struct buf b;
	size_t len;
	char *one;
	int bad;

	buf_init(&b, 2 * strlen(text));
	while ((item = text_item(&cursor, &len)) != NULL) {
		one = strndup(item, len);
		if (one == NULL ||
		    buf_addf(&b, "%s%s", b.len > 0 ? ", " : "", one) == -1) {
			diag_errno(d, "cannot read the list");
			bad = -1;
		} else {
			bad = key->check != NULL ? key->check(one, d) : 0;
		}
		free(one);
		if (bad) {
			buf_free(&b);
			return -1;
		}
	}
	*list = b.data;
	return 0;
}

static int
parse_string(const struct key *key, const char *text, char **string,
    struct diag *d)
{
	if (key->check != NULL && key->check(text, d) != 0)
		return -1;
	*string = strdup(text);
	return *string == NULL ? diag_errno(d, "cannot read the value") : 0;
}

static bool
is_text(const struct key *key)
{
	return key->type == KEY_STRING || key->type == KEY_LIST;
}

static int
parse_text(const struct key *key, const char *text, char **result,
    struct diag *d)
{
	char *s = NULL;

	if ((key->flags & KEY_UTF8) && !text_utf8(text, strlen(text)))
		return diag_set(d, "the value is not valid UTF-8; write it in "
		    "that encoding");
	if (key->type == KEY_LIST && parse_list(key, text, &s, d) == -1)
		return -1;
	if (key->type == KEY_STRING && *text != '\0' &&
	    parse_string(key, text, &s, d) == -1)
		return -1;
	if (s == NULL && (key->flags & KEY_FILLED))
		return diag_set(d, "the value is empty; write %s = %s, or "
		    "leave the line out", key->name,
		    key->arg != NULL ? key->arg : "VALUE");
	if (s == NULL && (key->flags & KEY_REQUIRED))
		return diag_set(d, "the value is empty; write %s = %s",
		    key->name, key->arg != NULL ? key->arg : "VALUE");
	if (s != NULL && conf_value_check(s, d) == -1) {
		free(s);
		return -1;
	}
	*result = s;
	return 0;
}

int
value_parse(const struct key *key, const char *text, struct value *v,
    struct diag *d)
{
	int result;

	v->number = 0;
	v->text = NULL;
	if (is_text(key))
		result = parse_text(key, text, &v->text, d);
	else
		result = number_parse(key, text, &v->number, d);
	if (result == 0 && !is_text(key) && key->check != NULL)
		result = key->check(text, d);
	return result == 0 ? 0 : diag_prefix(d, "\"%s\"", key->name);
}

int
value_default(const struct key *key, struct value *v, struct diag *d)
{
	v->number = 0;
	v->text = NULL;
	return key->value != NULL ? value_parse(key, key->value, v, d) : 0;
}

static int
print_list(const char *list, struct buf *b)
{
	const char *item, *between = "";
	size_t len;

	while ((item = text_item(&list, &len)) != NULL) {
		if (buf_addf(b, "%s%.*s", between, (int)len, item) == -1)
			return -1;
		between = ", ";
	}
	return 0;
}

int
value_print(const struct key *key, const struct value *v, struct buf *b)
{
	if (key->type == KEY_LIST)
		return print_list(v->text, b);
	if (key->type == KEY_STRING)
		return v->text == NULL ? 0 :
		    buf_add(b, v->text, strlen(v->text));
	return number_print(key, v->number, b);
}

static bool
list_equal(const char *a, const char *b)
{
	const char *x, *y;
	size_t xlen, ylen;

	for (;;) {
		x = text_item(&a, &xlen);
		y = text_item(&b, &ylen);
		if (x == NULL || y == NULL)
			return x == y;
		if (xlen != ylen || memcmp(x, y, xlen) != 0)
			return false;
	}
}

bool
value_equal(const struct key *key, const struct value *a,
    const struct value *b)
{
	if (key->type == KEY_LIST)
		return list_equal(a->text, b->text);
	if (key->type == KEY_STRING)
		return strcmp(a->text != NULL ? a->text : "",
		    b->text != NULL ? b->text : "") == 0;
	return a->number == b->number;
}

struct value
value_load(const struct key *key, const void *obj)
{
	const void *p = (const char *)obj + key->offset;
	struct value v = { 0, NULL };

	if (is_text(key))
		v.text = *(char *const *)p;
	else if (key->type == KEY_BOOL)
		v.number = *(const bool *)p;
	else if (key->type == KEY_ENUM)
		v.number = *(const unsigned *)p;
	else
		v.number = *(const uint64_t *)p;
	return v;
}

void
value_store(const struct key *key, void *obj, const struct value *v)
{
	void *p = (char *)obj + key->offset;

	if (is_text(key)) {
		free(*(char **)p);
		*(char **)p = v->text;
	} else if (key->type == KEY_BOOL) {
		*(bool *)p = v->number != 0;
	} else if (key->type == KEY_ENUM) {
		*(unsigned *)p = (unsigned)v->number;
	} else {
		*(uint64_t *)p = v->number;
	}
}
