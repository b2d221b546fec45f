/* member: names are taken apart and compared, and never opened. */
#include <limits.h>
#include <string.h>

#include "fetch/member.h"

/* The next component and its length; NULL at the end. */
static const char *
component(const char **cursor, size_t *len)
{
	const char *at = *cursor + strspn(*cursor, "/");

	*len = strcspn(at, "/");
	*cursor = at + *len;
	return *len > 0 ? at : NULL;
}

static enum member
which(const char *at, size_t len, enum netboot_file *file)
{
	for (unsigned i = 0; i < NETBOOT_FILES; i++)
		if (strlen(netboot_names[i]) == len &&
		    memcmp(at, netboot_names[i], len) == 0) {
			*file = (enum netboot_file)i;
			return MEMBER_FILE;
		}
	return MEMBER_OTHER;
}

enum member
member_look(const char *name, enum netboot_file *file)
{
	const char *cursor = name, *at, *first = NULL;
	size_t len, depth = 0, first_len = 0;

	if (name[0] == '\0' || name[0] == '/' || strlen(name) >= PATH_MAX)
		return MEMBER_BAD;
	while ((at = component(&cursor, &len)) != NULL) {
		if (len == 2 && memcmp(at, "..", 2) == 0)
			return MEMBER_BAD;
		if (len == 1 && at[0] == '.')
			continue;
		if (depth++ == 0) {
			first = at;
			first_len = len;
		}
	}
	return depth == 1 ? which(first, first_len, file) : MEMBER_OTHER;
}
