/*
 * catalog: the exports at one moment, made when somebody asks after a change.
 * The one that the registry keeps is let go as soon as it is outdated, since
 * it holds generations.
 */
#include <bsd/string.h>

#include <stdlib.h>

#include "export/export.h"

static size_t
count(struct registry *r)
{
	struct export *e;
	size_t n = 0;

	RB_FOREACH(e, export_tree, &r->exports)
		n += !e->draining;
	return n;
}

static struct catalog *
build(struct registry *r)
{
	struct catalog *c;
	struct export *e;
	struct catalog_entry *to;

	c = calloc(1, sizeof *c + count(r) * sizeof c->entries[0]);
	if (c == NULL)
		return NULL;
	atomic_init(&c->refs, 1);
	RB_FOREACH(e, export_tree, &r->exports) {
		if (e->draining)
			continue;
		to = &c->entries[c->count++];
		strlcpy(to->name, e->name, sizeof to->name);
		to->generation = e->current;
		if (e->current != NULL)
			generation_ref(e->current);
	}
	return c;
}

struct catalog *
registry_catalog(struct registry *r)
{
	struct catalog *c;

	pthread_mutex_lock(&r->lock);
	if (r->catalog == NULL)
		r->catalog = build(r);
	c = r->catalog;
	if (c != NULL)
		atomic_fetch_add(&c->refs, 1);
	pthread_mutex_unlock(&r->lock);
	return c;
}

struct catalog *
registry_outdate(struct registry *r)
{
	struct catalog *c = r->catalog;

	r->catalog = NULL;
	return c;
}

void
catalog_unref(struct catalog *c)
{
	size_t i;

	if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	for (i = 0; i < c->count; i++)
		generation_unref(c->entries[i].generation);
	free(c);
}
