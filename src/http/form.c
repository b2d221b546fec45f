/* form: decodes fields in a copy of the text. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/form.h"

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place, up to its end or one of the marks; where that was, or NULL. */
static char *
decode(char **at, char *end, const char *marks, struct diag *d)
{
	char *from = *at, *to = *at;

	for (; from < end && strchr(marks, *from) == NULL; from++) {
		if (*from == '%') {
			int high = end - from > 2 ? digit(from[1]) : -1;
			int low = high != -1 ? digit(from[2]) : -1;

			if (low == -1) {
				diag_set(d, "a %% is not followed by two "
				    "hexadecimal digits");
				return NULL;
			}
			*to++ = (char)(high * 16 + low);
			from += 2;
		} else
			*to++ = *from == '+' ? ' ' : *from;
	}
	*at = to;
	return from;
}

static int
field(struct form *f, char **at, char *end, struct diag *d)
{
	char *name = *at, *value, *stop, *next;
	size_t i = f->count;

	if ((next = decode(at, end, "=&", d)) == NULL)
		return -1;
	stop = *at;
	value = next;
	if (next < end && *next == '=') {
		*at = value = next + 1;
		if ((next = decode(at, end, "&", d)) == NULL)
			return -1;
	} else
		*at = value;
	if (!text_utf8(name, (size_t)(stop - name)) ||
	    !text_utf8(value, (size_t)(*at - value)))
		return diag_set(d, "a field is not valid UTF-8");
	*stop = '\0';
	**at = '\0';
	if (i == FORM_FIELDS)
		return diag_set(d, "there are more than %d fields",
		    FORM_FIELDS);
	f->fields[i].name = name;
	f->fields[i].value = value;
	f->count++;
	*at = next < end ? next + 1 : end;
	return 0;
}

int
form_parse(struct form *f, const char *text, size_t len, struct diag *d)
{
	char *at, *end;

	memset(f, 0, sizeof(*f));
	/* A NUL cannot be told from the end of what follows. */
	if (memchr(text, '\0', len) != NULL)
		return diag_set(d, "there is a NUL in it");
	if ((f->memory = malloc(len + 1)) == NULL)
		return diag_errno(d, "cannot read the form");
	memcpy(f->memory, text, len);
	f->memory[len] = '\0';
	at = f->memory;
	end = at + len;
	while (at < end)
		if (*at == '&')
			at++;
		else if (field(f, &at, end, d) != 0)
			return -1;
	return 0;
}

void
form_free(struct form *f)
{
	free(f->memory);
	memset(f, 0, sizeof(*f));
}

const char *
form_get(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->fields[i].name, name) == 0)
			return f->fields[i].value;
	return NULL;
}
