/* given: all are looked at before anything is done with the first. */
#include <bsd/string.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/given.h"

static int
add(struct given *n, const char *name, struct diag *d)
{
	void *bigger;

	if (name_check(name, d) != 0)
		return -1;
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->list[i], name) == 0)
			return 0;
	bigger = reallocarray(n->list, n->count + 1, sizeof(*n->list));
	if (bigger == NULL)
		return diag_errno(d, "cannot take the name %s", name);
	n->list = bigger;
	strlcpy(n->list[n->count++], name, NAME_SIZE);
	return 0;
}

static int
add_lines(struct given *n, struct diag *d)
{
	char *line = NULL;
	size_t size = 0;
	int result = 0;

	while (result == 0 && getline(&line, &size, stdin) != -1) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] != '\0')
			result = add(n, line, d);
	}
	free(line);
	if (result == 0 && ferror(stdin))
		return diag_errno(d, "cannot read names from standard input");
	return result;
}

int
given_take(struct given *n, char **args, size_t count, struct diag *d)
{
	int result = 0;

	*n = (struct given) { 0 };
	for (size_t i = 0; i < count && result == 0; i++)
		result = strcmp(args[i], "-") == 0 ? add_lines(n, d) :
		    add(n, args[i], d);
	return result;
}

void
given_drop(struct given *n)
{
	free(n->list);
	*n = (struct given) { 0 };
}
