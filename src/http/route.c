/* route: patterns against paths, component by component. */
#include <stdbool.h>
#include <string.h>

#include <bsd/string.h>

#include "http/route.h"

static bool
fits(const char *pattern, const char *path, char args[][ROUTE_ARG_SIZE])
{
	size_t count = 0;

	while (*pattern == '/' && *path == '/') {
		size_t want = strcspn(++pattern, "/");
		size_t have = strcspn(++path, "/");

		if (want == 1 && *pattern == '*') {
			if (have == 0 || have >= ROUTE_ARG_SIZE ||
			    count == ROUTE_ARGS)
				return false;
			memcpy(args[count], path, have);
			args[count++][have] = '\0';
		} else if (want != have || memcmp(pattern, path, want) != 0)
			return false;
		pattern += want;
		path += have;
	}
	return *pattern == '\0' && *path == '\0';
}

static void
add_method(char *allow, size_t size, const char *method)
{
	if (strstr(allow, method) != NULL)
		return;
	if (allow[0] != '\0')
		strlcat(allow, ", ", size);
	strlcat(allow, method, size);
	if (strcmp(method, "GET") == 0)
		strlcat(allow, ", HEAD", size);
}

unsigned
route_find(struct route_match *m, const struct route *table,
    const char *method, const char *path)
{
	memset(m, 0, sizeof(*m));
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	for (const struct route *r = table; r->method != NULL; r++) {
		if (!fits(r->pattern, path, m->args))
			continue;
		if (strcmp(r->method, method) == 0) {
			m->route = r;
			return 200;
		}
		add_method(m->allow, sizeof(m->allow), r->method);
	}
	return m->allow[0] != '\0' ? 405 : 404;
}
