/*
 * chunk: a chunk counts against the budget while it is handed out, by its
 * capacity; what a pool keeps for the next call does not.
 */
#include "base/chunk.h"

#include <stdlib.h>

#define KEEP_SMALL 8
#define KEEP_LARGE 4

static bool
budget_take(struct budget *b, uint64_t bytes, bool force)
{
	uint64_t used = atomic_load_explicit(&b->used, memory_order_relaxed);

	do {
		if (!force && (used > b->limit || bytes > b->limit - used))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&b->used, &used,
	    used + bytes, memory_order_relaxed, memory_order_relaxed));
	return true;
}

static void
budget_give(struct budget *b, uint64_t bytes)
{
	atomic_fetch_sub_explicit(&b->used, bytes, memory_order_relaxed);
}

void
pool_init(struct pool *p, struct budget *b)
{
	p->budget = b;
	STAILQ_INIT(&p->small);
	STAILQ_INIT(&p->large);
	p->nsmall = p->nlarge = 0;
}

bool
pool_short(const struct pool *p)
{
	const struct budget *b = p->budget;

	return b->limit < CHUNK_LARGE ||
	    atomic_load(&b->used) > b->limit - CHUNK_LARGE;
}

static struct chunk *
list_take(struct chunk_list *list, unsigned *count)
{
	struct chunk *c = STAILQ_FIRST(list);

	if (c != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		(*count)--;
	}
	return c;
}

static void
list_free(struct chunk_list *list, unsigned *count)
{
	struct chunk *c;

	while ((c = list_take(list, count)) != NULL)
		free(c);
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	list_free(&p->small, &p->nsmall);
	list_free(&p->large, &p->nlarge);
}

/* The data is not cleared: it is about to be written over. */
static struct chunk *
chunk_new(size_t cap)
{
	struct chunk *c;
	void *p;
	size_t size;

	if (__builtin_add_overflow(cap, sizeof *c, &size) ||
	    posix_memalign(&p, _Alignof(struct chunk), size) != 0)
		return NULL;
	c = p;
	c->cap = cap;
	return c;
}

static struct chunk *
pool_take(struct pool *p, size_t cap)
{
	if (cap == CHUNK_SMALL)
		return list_take(&p->small, &p->nsmall);
	if (cap == CHUNK_LARGE)
		return list_take(&p->large, &p->nlarge);
	return NULL;
}

/* The usual capacities, unless half of one would be wasted. */
static size_t
round_up(size_t cap)
{
	if (cap > CHUNK_SMALL / 2 && cap <= CHUNK_SMALL)
		return CHUNK_SMALL;
	if (cap > CHUNK_LARGE / 2 && cap <= CHUNK_LARGE)
		return CHUNK_LARGE;
	return cap;
}

struct chunk *
chunk_get(struct pool *p, size_t cap, bool force)
{
	struct chunk *c;

	cap = round_up(cap);
	if (!budget_take(p->budget, cap, force))
		return NULL;
	c = pool_take(p, cap);
	if (c == NULL)
		c = chunk_new(cap);
	if (c == NULL) {
		budget_give(p->budget, cap);
		return NULL;
	}
	c->start = c->end = 0;
	c->fd = -1;
	return c;
}

/* The chunk put back last is the first to go out: its memory is warm. */
void
chunk_put(struct pool *p, struct chunk *c)
{
	if (c == NULL)
		return;
	budget_give(p->budget, c->cap);
	if (c->cap == CHUNK_SMALL && p->nsmall < KEEP_SMALL) {
		STAILQ_INSERT_HEAD(&p->small, c, link);
		p->nsmall++;
	} else if (c->cap == CHUNK_LARGE && p->nlarge < KEEP_LARGE) {
		STAILQ_INSERT_HEAD(&p->large, c, link);
		p->nlarge++;
	} else {
		free(c);
	}
}
