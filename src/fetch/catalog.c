/*
 * catalog: {"entries": [{"name", "src", "resolved_src", "netboot_ref"}]}.  The
 * reference is the name of another entry, or an address.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/catalog.h"
#include "spool/url.h"

struct catalog {
	json_t *top;
	const json_t *entries; /* an array of it */
};

struct catalog *
catalog_parse(const char *text, size_t len, struct diag *d)
{
	struct catalog *c = calloc(1, sizeof(*c));
	json_error_t error;

	if (c == NULL) {
		diag_errno(d, "cannot read the catalog");
		return NULL;
	}
	c->top = json_loadb(text, len, 0, &error);
	c->entries = json_object_get(c->top, "entries");
	if (json_is_array(c->entries))
		return c;
	if (c->top == NULL)
		diag_set(d, "it is no JSON: %s, in line %d", error.text,
		    error.line);
	else
		diag_set(d, "it is no catalog: it has no array \"entries\"");
	catalog_free(c);
	return NULL;
}

void
catalog_free(struct catalog *c)
{
	if (c == NULL)
		return;
	json_decref(c->top);
	free(c);
}

/* A member's text; NULL when it is none, or empty. */
static const char *
text_of(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));

	return text != NULL && text[0] != '\0' ? text : NULL;
}

static const json_t *
entry_with(const struct catalog *c, const char *key, const char *value)
{
	size_t count = json_array_size(c->entries);

	for (size_t i = 0; i < count; i++) {
		const json_t *entry = json_array_get(c->entries, i);
		const char *text = text_of(entry, key);

		if (text != NULL && strcmp(text, value) == 0)
			return entry;
	}
	return NULL;
}

/* It goes into a request, a file of ours, and listings. */
static bool
usable(const char *text)
{
	if (text == NULL || strlen(text) > URL_MAX)
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	return true;
}

static bool
is_shown(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return strlen(text) <= URL_MAX;
}

static int
resolve(const struct catalog *c, struct catalog_bundle *b, struct diag *d)
{
	const json_t *entry = entry_with(c, "name", b->ref);

	if (entry == NULL && url_is(b->ref)) {
		b->source = b->ref;
	} else if (entry == NULL) {
		return diag_set(d, "its netboot_ref \"%.200s\" is no entry of "
		    "the catalog", b->ref);
	} else {
		b->source = text_of(entry, "resolved_src");
		if (b->source == NULL)
			b->source = text_of(entry, "src");
	}
	if (usable(b->source))
		return 1;
	return diag_set(d, "the catalog's entry \"%.200s\" has no address",
	    b->ref);
}

int
catalog_find(const struct catalog *c, const char *source,
    struct catalog_bundle *b, struct diag *d)
{
	const json_t *entry = entry_with(c, "src", source);

	if (entry == NULL)
		entry = entry_with(c, "resolved_src", source);
	b->source = NULL;
	b->ref = text_of(entry, "netboot_ref");
	if (b->ref == NULL)
		return 0;
	if (!is_shown(b->ref))
		return diag_set(d, "its netboot_ref in the catalog is not fit "
		    "to be shown");
	return resolve(c, b, d);
}
