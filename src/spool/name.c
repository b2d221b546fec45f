/* name: the grammar of export names, and NAME <-> NAME.ini. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "spool/name.h"

/* Not isalnum(3): names do not depend on the locale. */
static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

static bool
is_name_char(char c)
{
	return is_alnum(c) || c == '.' || c == '_' || c == '-';
}

static bool
valid(const char *name, size_t len)
{
	if (len == 0 || len > NAME_MAX_LEN || !is_alnum(name[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_name_char(name[i]))
			return false;
	return true;
}

bool
name_valid(const char *name)
{
	return valid(name, strnlen(name, NAME_SIZE));
}

int
name_check(const char *name, struct diag *d)
{
	char text[4 * NAME_SIZE];
	size_t len = strlen(name);

	if (name_valid(name))
		return 0;
	if (len == 0)
		return diag_set(d, "the export's name is empty");
	text_escape(text, sizeof(text), name, len);
	if (len > NAME_MAX_LEN)
		return diag_set(d, "the export's name \"%s\" has %zu bytes; "
		    "the most is %d", text, len, NAME_MAX_LEN);
	if (!is_alnum(name[0]))
		return diag_set(d, "the export's name \"%s\" must begin with "
		    "a letter or digit", text);
	return diag_set(d, "the export's name \"%s\" may have only letters, "
	    "digits, '.', '_' and '-'", text);
}

void
name_to_file(char file[NAME_FILE_SIZE], const char *name)
{
	snprintf(file, NAME_FILE_SIZE, "%s.ini", name);
}

bool
name_from_file(char name[NAME_SIZE], const char *file, const char *suffix)
{
	size_t len = strlen(file), tail = strlen(suffix);

	if (len <= tail || strcmp(file + len - tail, suffix) != 0 ||
	    !valid(file, len - tail))
		return false;
	memcpy(name, file, len - tail);
	name[len - tail] = '\0';
	return true;
}
