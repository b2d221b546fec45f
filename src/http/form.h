/* form: names and values as forms and queries have them. */
#ifndef HTTP_FORM_H
#define HTTP_FORM_H

#include <stddef.h>

#include "base/diag.h"

#define FORM_FIELDS 32

struct form {
	char *memory; /* owned, of all fields */
	size_t count;
	struct { const char *name, *value; } fields[FORM_FIELDS];
};

/*
 * Take "a=b&c=d%20e" (application/x-www-form-urlencoded) apart.  -1 with d
 * set: an escape that is none, a NUL, what is not UTF-8, too many fields.
 * Free it in any case.
 */
int form_parse(struct form *f, const char *text, size_t len, struct diag *d);
void form_free(struct form *f);

/* The first one of that name; NULL when there is none. */
const char *form_get(const struct form *f, const char *name);

#endif
