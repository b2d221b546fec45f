/* generation: makes, counts and ends generations, and their exports. */
#include <bsd/string.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "export/export.h"

#define PROBE_SIZE (1024 * 1024)

static int
export_cmp(struct export *a, struct export *b)
{
	return strcmp(a->name, b->name);
}

RB_GENERATE(export_tree, export, link, export_cmp)

struct export *
export_find(struct registry *r, const char *name)
{
	struct export key;

	strlcpy(key.name, name, sizeof key.name);
	return RB_FIND(export_tree, &r->exports, &key);
}

struct export *
export_new(struct registry *r, const char *name)
{
	struct export *e = calloc(1, sizeof *e);

	if (e == NULL)
		return NULL;
	strlcpy(e->name, name, sizeof e->name);
	atomic_init(&e->refs, 1);
	e->registry = r;
	LIST_INIT(&e->generations);
	e->stats_slot = r->stats == NULL ? STATS_NOWHERE :
	    stats_export_open(r->stats, name);
	return e;
}

void
export_unref(struct export *e)
{
	if (e == NULL || atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	if (e->stats_slot != STATS_NOWHERE)
		stats_export_close(e->registry->stats, e->stats_slot);
	state_export_clear(&e->state);
	free(e);
}

struct generation *
export_current(struct export *e, uint64_t *last)
{
	struct generation *g;

	pthread_mutex_lock(&e->registry->lock);
	g = e->current;
	if (g != NULL)
		generation_ref(g);
	*last = e->last;
	pthread_mutex_unlock(&e->registry->lock);
	return g;
}

struct generation *
export_install(struct export *e, struct generation *g)
{
	struct node *n = (struct node *)g;
	struct generation *old = e->current;

	g->number = ++e->last;
	LIST_INSERT_HEAD(&e->generations, n, link);
	n->listed = true;
	e->current = g;
	return old;
}

static int
open_image(struct generation *g, const char *image_dirs, struct diag *d)
{
	bool writable = g->record.mode == MODE_RW;
	int fd;

	if (g->record.mode == MODE_COW)
		return diag_set(d, "mode = cow is not supported yet; "
		    "right are ro and rw");
	fd = image_open(g->record.image, writable, image_dirs, &g->id, d);
	if (fd == -1)
		return -1;
	g->backend = file_backend(fd, g->id.size, writable, d);
	if (g->backend == NULL) {
		close(fd);
		return -1;
	}
	return 0;
}

static int
open_backend(struct generation *g, const char *image_dirs, struct diag *d)
{
	if (g->record.image != NULL)
		return open_image(g, image_dirs, d);
	g->backend = pattern_backend(PROBE_SIZE, d);
	return g->backend == NULL ? -1 : 0;
}

/* A tail that is shorter than the minimum block is not part of the export. */
static uint64_t
visible_size(const struct generation *g)
{
	uint64_t block = g->record.block_min != 0 ? g->record.block_min :
	    g->backend->block_min;

	return g->backend->size - g->backend->size % block;
}

static int
open_content(struct generation *g, const char *image_dirs, struct diag *d)
{
	if (allow_parse(&g->allow, g->record.allow, d) == -1 ||
	    open_backend(g, image_dirs, d) == -1)
		return -1;
	g->size = visible_size(g);
	if (g->size > 0)
		return 0;
	return diag_set(d, "cannot serve \"%s\": it has %llu bytes, less than "
	    "one block of block-min", g->record.image,
	    (unsigned long long)g->backend->size);
}

struct generation *
generation_make(struct export *e, const struct record *rec,
    const char *image_dirs, struct diag *d)
{
	struct node *n = calloc(1, sizeof *n);
	struct generation *g = (struct generation *)n;

	if (n == NULL) {
		diag_errno(d, "cannot serve %s", e->name);
		return NULL;
	}
	atomic_init(&g->refs, 1);
	strlcpy(g->name, e->name, sizeof g->name);
	atomic_fetch_add(&e->refs, 1);
	g->export = e;
	g->registry = e->registry;
	g->stats_slot = e->stats_slot;
	g->made = (uint64_t)time(NULL);
	if (record_copy(&g->record, rec) == -1) {
		diag_set(d, "cannot serve %s: out of memory", e->name);
		generation_unref(g);
		return NULL;
	}
	if (open_content(g, image_dirs, d) == -1) {
		generation_unref(g);
		return NULL;
	}
	return g;
}

void
generation_ref(struct generation *g)
{
	atomic_fetch_add(&g->refs, 1);
}

static void
generation_free(struct generation *g)
{
	struct node *n = (struct node *)g;

	if (n->listed) {
		pthread_mutex_lock(&g->registry->lock);
		LIST_REMOVE(n, link);
		pthread_mutex_unlock(&g->registry->lock);
	}
	backend_free(g->backend);
	allow_free(g->allow);
	record_clear(&g->record);
	export_unref(g->export);
	free(n);
}

void
generation_unref(struct generation *g)
{
	if (g != NULL && atomic_fetch_sub(&g->refs, 1) == 1)
		generation_free(g);
}
