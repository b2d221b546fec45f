/*
 * chunk: a chunk counts against the budget while it is handed out, by its
 * capacity; what a pool keeps for the next call does not.
 */
#include "base/chunk.h"

#include <stdlib.h>

/* The usual capacities, and how many free ones a pool keeps. */
static const struct {
	size_t cap;
	unsigned keep;
} classes[CHUNK_CLASSES] = {
	{ CHUNK_SMALL, 8 },
	{ CHUNK_LARGE, 4 },
	{ CHUNK_WRITE, 1 },
};

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
	for (int i = 0; i < CHUNK_CLASSES; i++) {
		STAILQ_INIT(&p->free[i]);
		p->count[i] = 0;
	}
}

bool
pool_short(const struct pool *p, size_t cap)
{
	const struct budget *b = p->budget;

	return b->limit < cap ||
	    atomic_load(&b->used) > b->limit - cap;
}

/* Which of the usual capacities it is; -1: none. */
static int
class_of(size_t cap)
{
	for (int i = 0; i < CHUNK_CLASSES; i++)
		if (cap == classes[i].cap)
			return i;
	return -1;
}

/* A free one of that class; NULL: none is kept. */
static struct chunk *
pool_take(struct pool *p, int class)
{
	struct chunk *c;

	if (class == -1 || (c = STAILQ_FIRST(&p->free[class])) == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(&p->free[class], link);
	p->count[class]--;
	return c;
}

void
pool_free(struct pool *p)
{
	struct chunk *c;

	if (p == NULL)
		return;
	for (int i = 0; i < CHUNK_CLASSES; i++)
		while ((c = pool_take(p, i)) != NULL)
			free(c);
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

/* The usual capacities, unless half of one would be wasted. */
static size_t
round_up(size_t cap)
{
	for (int i = 0; i < CHUNK_CLASSES; i++)
		if (cap > classes[i].cap / 2 && cap <= classes[i].cap)
			return classes[i].cap;
	return cap;
}

struct chunk *
chunk_get(struct pool *p, size_t cap, bool force)
{
	struct chunk *c;

	cap = round_up(cap);
	if (!budget_take(p->budget, cap, force))
		return NULL;
	c = pool_take(p, class_of(cap));
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
	int class;

	if (c == NULL)
		return;
	budget_give(p->budget, c->cap);
	class = class_of(c->cap);
	if (class != -1 && p->count[class] < classes[class].keep) {
		STAILQ_INSERT_HEAD(&p->free[class], c, link);
		p->count[class]++;
	} else {
		free(c);
	}
}
