/*
 * jsonbody: a JSON object as the fields of a form.  jansson's header and our
 * base/json.h have names in common, so it is included here alone.
 */
#ifndef HTTP_JSONBODY_H
#define HTTP_JSONBODY_H

#include <stdbool.h>

#include "http/form.h"

struct jsonbody_field {
	const char *name; /* NULL: the end of the table */
	bool boolean;     /* "yes" or "no" in the form; else a string */
};

/*
 * Members that are not in the table are ignored; null is as good as not there.
 * -1 with d set: no JSON, no object, a member of another type.  Free the form
 * in any case.
 */
int jsonbody_parse(struct form *f, const char *text, size_t len,
    const struct jsonbody_field *fields, struct diag *d);

#endif
