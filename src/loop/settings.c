/* settings: a refcounted configuration. */
#include <stdlib.h>
#include <string.h>

#include "loop/settings.h"

struct settings *
settings_new(struct config *c)
{
	struct settings *s = malloc(sizeof(*s));

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	s->config = *c;
	memset(c, 0, sizeof(*c));
	return s;
}

struct settings *
settings_ref(struct settings *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void
settings_unref(struct settings *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	config_clear(&s->config);
	free(s);
}
