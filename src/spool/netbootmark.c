/* netbootmark: a line of its own for each fact, "name value". */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "spool/netbootmark.h"

static const struct {
	const char *name; /* with its blank */
	size_t offset;
} facts[] = {
	{ "source ", offsetof(struct netboot_mark, source) },
	{ "image ", offsetof(struct netboot_mark, image) },
	{ "etag ", offsetof(struct netboot_mark, etag) },
	{ "modified ", offsetof(struct netboot_mark, modified) },
	{ "sha256 ", offsetof(struct netboot_mark, sha256) },
};
#define FACTS (sizeof(facts) / sizeof(*facts))

static const char **
member(struct netboot_mark *m, size_t fact)
{
	return (const char **)(void *)((char *)m + facts[fact].offset);
}

static bool
begins(const char *line, const char *name)
{
	return strncmp(line, name, strlen(name)) == 0;
}

static void
take_line(struct netboot_mark *m, const char *line)
{
	for (size_t i = 0; i < FACTS; i++)
		if (begins(line, facts[i].name))
			*member(m, i) = line + strlen(facts[i].name);
}

static void
parse(struct netboot_mark *m)
{
	char *rest = m->text, *line = strsep(&rest, "\n");

	if (begins(line, NETBOOT_BUNDLE))
		m->ref = line + strlen(NETBOOT_BUNDLE);
	while ((line = strsep(&rest, "\n")) != NULL)
		take_line(m, line);
}

bool
netboot_mark_read(struct netboot_mark *m, int dirfd)
{
	struct buf b;

	memset(m, 0, sizeof(*m));
	buf_init(&b, NETBOOT_MARK_MAX);
	if (file_read(dirfd, NETBOOT_MARK, true, &b, NULL, NULL) == -1 ||
	    (b.len == 0 && buf_add(&b, "\n", 1) == -1)) {
		buf_free(&b);
		return false;
	}
	m->text = buf_take(&b);
	parse(m);
	return true;
}

void
netboot_mark_clear(struct netboot_mark *m)
{
	free(m->text);
	memset(m, 0, sizeof(*m));
}

int
netboot_mark_format(const struct netboot_mark *m, struct buf *b)
{
	struct netboot_mark copy = *m;

	if (m->ref == NULL)
		return buf_addf(b, "%s", NETBOOT_KEYS);
	if (buf_addf(b, "%s%s", NETBOOT_BUNDLE, m->ref) == -1)
		return -1;
	for (size_t i = 0; i < FACTS; i++) {
		const char *value = *member(&copy, i);

		if (value != NULL && buf_addf(b, "\n%s%s", facts[i].name,
		    value) == -1)
			return -1;
	}
	return 0;
}
