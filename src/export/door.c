/*
 * door: sorted ranges of addresses that do not touch each other, searched by
 * halves: ten thousand exports with a list each cost a client some 15 steps.
 */
#include <stdlib.h>
#include <string.h>

#include "export/door.h"
#include "export/export.h"

struct door {
	size_t count;
	struct allow_range list[];
};

/* Apart, so that no range of one family holds addresses of another. */
static int
compare(const struct allow_range *a, enum family family,
    const uint8_t addr[16])
{
	if (a->family != family)
		return a->family < family ? -1 : 1;
	return memcmp(a->first, addr, sizeof a->first);
}

static int
compare_ranges(const void *one, const void *two)
{
	const struct allow_range *a = one, *b = two;

	return compare(a, b->family, b->first);
}

/* Sorted ranges to such that are apart; how many. */
static size_t
merge(struct allow_range *list, size_t count)
{
	struct allow_range *last = list;

	if (count == 0)
		return 0;
	for (size_t i = 1; i < count; i++)
		if (list[i].family != last->family ||
		    memcmp(list[i].first, last->last, 16) > 0)
			*++last = list[i];
		else if (memcmp(list[i].last, last->last, 16) > 0)
			memcpy(last->last, list[i].last, 16);
	return (size_t)(last - list) + 1;
}

bool
door_needs_none(const struct generation *g)
{
	return g == NULL || allow_may_be_anybody(g->allow);
}

/* How many ranges all lists have; false: one is for anybody. */
static bool
count_ranges(const struct catalog *c, size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < c->count; i++) {
		if (door_needs_none(c->entries[i].generation))
			return false;
		*count += allow_count(c->entries[i].generation->allow);
	}
	return *count > 0;
}

struct door *
door_new(const struct catalog *c)
{
	const struct allow *a;
	struct door *d;
	size_t count;

	if (!count_ranges(c, &count))
		return NULL;
	d = calloc(1, sizeof *d + count * sizeof d->list[0]);
	if (d == NULL)
		return NULL;
	for (size_t i = 0; i < c->count; i++) {
		a = c->entries[i].generation->allow;
		for (size_t j = 0; j < allow_count(a); j++)
			d->list[d->count++] = allow_range(a, j);
	}
	qsort(d->list, d->count, sizeof d->list[0], compare_ranges);
	d->count = merge(d->list, d->count);
	return d;
}

void
door_free(struct door *d)
{
	free(d);
}

/* The last range that begins at the address or before is the one, or none. */
bool
door_lets_in(const struct door *d, const struct peer *p)
{
	size_t low = 0, high, middle;
	enum family family;

	if (d == NULL || p->is_unix)
		return true;
	family = peer_family(p);
	for (high = d->count; low < high;) {
		middle = low + (high - low) / 2;
		if (compare(&d->list[middle], family, p->addr) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && d->list[low - 1].family == family &&
	    memcmp(p->addr, d->list[low - 1].last, 16) <= 0;
}

/* The usual answer, found at once: some export is for anybody. */
static bool
stands_open(struct registry *r)
{
	bool any = false, open = false;
	struct export *e;

	pthread_mutex_lock(&r->lock);
	RB_FOREACH(e, export_tree, &r->exports) {
		if (e->draining)
			continue;
		any = true;
		open = door_needs_none(e->current);
		if (open)
			break;
	}
	pthread_mutex_unlock(&r->lock);
	return open || !any;
}

void
registry_hang_door(struct registry *r)
{
	struct catalog *c = stands_open(r) ? NULL : registry_catalog(r);
	struct door *old, *d = c != NULL ? door_new(c) : NULL;

	catalog_unref(c);
	pthread_mutex_lock(&r->door_lock);
	old = r->door;
	r->door = d;
	pthread_mutex_unlock(&r->door_lock);
	door_free(old);
}

bool
registry_welcomes(struct registry *r, const struct peer *p)
{
	bool in;

	pthread_mutex_lock(&r->door_lock);
	in = door_lets_in(r->door, p);
	pthread_mutex_unlock(&r->door_lock);
	return in;
}
