/*
 * apply: does what was planned, in one step under the lock, and tells what
 * has changed.  Nothing here allocates or reaches a file system.
 */
#include <stdlib.h>
#include <string.h>

#include "export/plan.h"

static unsigned
news_of(const struct plan *p)
{
	const struct state_export *old = &p->export->state, *new = &p->state;
	unsigned news = 0;

	if (p->kind != CHANGE_SAME && (new->spool_ino != old->spool_ino ||
	    new->spool_mtime != old->spool_mtime))
		news |= NEWS_ENTRY;
	if (new->generation != 0 && new->generation != old->generation)
		news |= NEWS_SERVED;
	if (new->error != NULL && (old->error == NULL ||
	    strcmp(new->error, old->error) != 0))
		news |= NEWS_FAILED;
	return news;
}

static void
publish(struct plan *p, enum change_kind kind, unsigned news,
    struct changes *out)
{
	struct export *e = p->export;
	struct change *c = &out->list[out->count++];

	memset(c, 0, sizeof *c);
	c->kind = kind;
	c->news = news;
	e->lost = false;
	memcpy(c->name, e->name, sizeof c->name);
	if (kind == CHANGE_GONE)
		return;
	state_export_clear(&e->state);
	e->state = p->state;
	c->state = p->shown;
	memset(&p->state, 0, sizeof p->state);
	memset(&p->shown, 0, sizeof p->shown);
}

/*
 * A client's negotiation may have made the next generation since the plan;
 * when that has the same text it was the later look at the image, and wins.
 */
static bool
outrun(const struct plan *p)
{
	const struct generation *now = p->export->current;

	return now != p->was && now != NULL &&
	    record_serves_same(&now->record, &p->next->record);
}

/* The numbers that were foretold in the plan. */
static void
settle_numbers(const struct generation *g, struct state_export *s)
{
	if (g == NULL)
		return;
	s->size = g->size;
	s->generation = g->number;
	s->since = g->made;
}

static void
serve(struct registry *r, struct plan *p, struct changes *out)
{
	struct export *e = p->export;
	struct generation *old;

	if (p->outside) {
		RB_INSERT(export_tree, &r->exports, e);
		p->outside = false;
	}
	e->draining = false;
	if (p->next != NULL && !outrun(p)) {
		old = export_install(e, p->next);
		p->next = old; /* to be let go with the plan */
	}
	if (p->forbidden) {
		p->next = e->current; /* to be let go with the plan */
		e->current = NULL;
	}
	settle_numbers(e->current, &p->state);
	settle_numbers(e->current, &p->shown);
	if (p->kind == CHANGE_SAME &&
	    p->state.generation != e->state.generation)
		p->kind = CHANGE_CHANGED;
	publish(p, p->kind, news_of(p), out);
}

/* The name is not in the view: refused from now on, and gone with the last. */
static void
retire(struct registry *r, struct plan *p, struct changes *out)
{
	struct export *e = p->export;
	bool before = e->draining;
	unsigned news = before ? 0 : NEWS_REMOVED;

	e->draining = true;
	p->next = e->current; /* to be let go with the plan */
	e->current = NULL;
	if (e->clients > 0) {
		if (!before || e->lost)
			publish(p, CHANGE_REMOVED, news, out);
		return;
	}
	RB_REMOVE(export_tree, &r->exports, e);
	p->outside = true;
	publish(p, CHANGE_GONE, news, out);
}

/* Ends the clients of all that new clients would not get. */
static void
kick(struct registry *r, const char *name, struct changes *out)
{
	struct export *e = export_find(r, name);
	struct node *n;

	if (e == NULL)
		return;
	LIST_FOREACH(n, &e->generations, link) {
		struct generation *g = &n->generation;

		if (g != e->current && !atomic_exchange(&g->kicked, true) &&
		    atomic_load(&g->clients) > 0)
			out->kicked = true;
	}
}

/* A new stamp or error alone leaves the catalog as it was. */
static bool
changes_catalog(const struct changes *c)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		if (c->list[i].kind != CHANGE_SAME)
			return true;
	return false;
}

static void
commit(struct registry *r, struct plans *ps, const struct view *v,
    struct changes *out)
{
	struct catalog *c = NULL;
	size_t i;

	pthread_mutex_lock(&r->lock);
	for (i = 0; i < ps->count; i++)
		if (ps->list[i].remove)
			retire(r, &ps->list[i], out);
		else
			serve(r, &ps->list[i], out);
	for (i = 0; i < v->nkick; i++)
		kick(r, v->kick[i], out);
	if (changes_catalog(out))
		c = registry_outdate(r);
	pthread_mutex_unlock(&r->lock);
	catalog_unref(c);
}

int
registry_apply(struct registry *r, const struct view *v, struct changes *out,
    struct diag *d)
{
	struct plans ps;
	int rc;

	memset(out, 0, sizeof *out);
	rc = plans_make(&ps, r, v, d);
	if (rc == 0) {
		out->list = calloc(ps.count + 1, sizeof *out->list);
		if (out->list != NULL) {
			commit(r, &ps, v, out);
			if (changes_catalog(out))
				registry_hang_door(r);
		} else
			rc = diag_errno(d, "cannot apply the spool");
	}
	plans_clear(&ps);
	return rc;
}

void
registry_republish(struct registry *r)
{
	struct export *e;

	RB_FOREACH(e, export_tree, &r->exports)
		e->lost = true;
}

void
changes_free(struct changes *c)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		state_export_clear(&c->list[i].state);
	free(c->list);
	memset(c, 0, sizeof *c);
}
