/* jsonbody: jansson reads it, the form keeps what was asked for. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "http/jsonbody.h"

static int
take(struct form *f, const struct jsonbody_field *field, const json_t *value,
    char **at, struct diag *d)
{
	const char *text;
	size_t len;

	if (value == NULL || json_is_null(value))
		return 0;
	if (field->boolean ? !json_is_boolean(value) : !json_is_string(value))
		return diag_set(d, "%s: this is to be %s", field->name,
		    field->boolean ? "true or false" : "a string");
	text = !field->boolean ? json_string_value(value) :
	    json_is_true(value) ? "yes" : "no";
	if (text == NULL)
		return diag_set(d, "%s: this cannot be read", field->name);
	len = strlen(text) + 1;
	f->fields[f->count].name = field->name;
	f->fields[f->count++].value = memcpy(*at, text, len);
	*at += len;
	return 0;
}

int
jsonbody_parse(struct form *f, const char *text, size_t len,
    const struct jsonbody_field *fields, struct diag *d)
{
	json_error_t error;
	json_t *object;
	char *at;
	int rc = 0;

	memset(f, 0, sizeof(*f));
	object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (object == NULL)
		return diag_set(d, "the body is no JSON: %s, in line %d",
		    error.text, error.line);
	/* Decoded no string is longer than as it is written; "no" is shorter
	 * than false. */
	at = f->memory = malloc(len + 1);
	if (!json_is_object(object))
		rc = diag_set(d, "the body is no JSON object");
	else if (at == NULL)
		rc = diag_errno(d, "cannot read the body");
	for (; rc == 0 && at != NULL && fields->name != NULL &&
	    f->count < FORM_FIELDS; fields++)
		rc = take(f, fields, json_object_get(object, fields->name),
		    &at, d);
	json_decref(object);
	return rc;
}
