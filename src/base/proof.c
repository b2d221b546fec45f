/* proof: names in one buffer, so that a connection has one allocation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proof.h"

struct proof *
proof_new(enum proof_kind kind)
{
	struct proof *p = calloc(1, sizeof(*p));

	if (p != NULL)
		p->kind = kind;
	return p;
}

void
proof_free(struct proof *p)
{
	free(p);
}

void
proof_text(struct proof *p, const char *prefix, const void *data, size_t len)
{
	if (len > sizeof(p->text))
		len = sizeof(p->text);
	snprintf(p->text, sizeof(p->text), "%s%.*s", prefix, (int)len,
	    (const char *)data);
}

void
proof_name(struct proof *p, const void *data, size_t len)
{
	if (len == 0 || len >= sizeof(p->names) - p->len ||
	    memchr(data, '\0', len) != NULL)
		return;
	memcpy(p->names + p->len, data, len);
	p->names[p->len + len] = '\0';
	p->len += len + 1;
}

const char *
proof_next(const struct proof *p, const char *name)
{
	name = name == NULL ? p->names : name + strlen(name) + 1;
	return name < p->names + p->len ? name : NULL;
}
