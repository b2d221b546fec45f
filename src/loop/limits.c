/* limits: a tree of addresses, or networks of them, that have connections. */
#include <bsd/sys/tree.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "loop/limits.h"
#include "loop/peer.h"

#define MANY 64

struct address {
	RB_ENTRY(address) link;
	struct network_key key;
	uint64_t count;
};

RB_HEAD(addresses, address);

struct limits {
	pthread_mutex_t lock;
	struct addresses addresses;
	uint64_t total, most; /* now; since the last ebb */
};

static int
compare(struct address *a, struct address *b)
{
	return memcmp(&a->key, &b->key, sizeof(a->key));
}

RB_PROTOTYPE(addresses, address, link, compare)
RB_GENERATE(addresses, address, link, compare)

struct limits *
limits_new(struct diag *d)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		diag_errno(d, "cannot count connections");
		return NULL;
	}
	pthread_mutex_init(&l->lock, NULL);
	RB_INIT(&l->addresses);
	return l;
}

void
limits_free(struct limits *l)
{
	struct address *a, *next;

	if (l == NULL)
		return;
	RB_FOREACH_SAFE(a, addresses, &l->addresses, next) {
		RB_REMOVE(addresses, &l->addresses, a);
		free(a);
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* Locked. */
static enum limit
count(struct limits *l, const struct peer *p, uint64_t per_address)
{
	struct address key = { .key = peer_network(p) }, *a;

	a = RB_FIND(addresses, &l->addresses, &key);
	if (a == NULL) {
		if ((a = malloc(sizeof(*a))) == NULL)
			return LIMIT_MEMORY;
		*a = key;
		RB_INSERT(addresses, &l->addresses, a);
	}
	if (a->count >= per_address && !p->is_unix)
		return LIMIT_ADDRESS; /* NOLINT(*-unix.Malloc): in the tree */
	a->count++;
	l->total++; /* NOLINT(*-unix.Malloc): in the tree */
	if (l->total > l->most)
		l->most = l->total;
	return LIMIT_NONE;
}

enum limit
limits_enter(struct limits *l, const struct peer *p, uint64_t total,
    uint64_t per_address)
{
	enum limit limit = LIMIT_TOTAL;

	pthread_mutex_lock(&l->lock);
	if (l->total < total)
		limit = count(l, p, per_address);
	pthread_mutex_unlock(&l->lock);
	return limit;
}

void
limits_leave(struct limits *l, const struct peer *p)
{
	struct address key = { .key = peer_network(p) }, *a;

	pthread_mutex_lock(&l->lock);
	l->total--;
	a = RB_FIND(addresses, &l->addresses, &key);
	if (a != NULL && --a->count == 0) {
		RB_REMOVE(addresses, &l->addresses, a);
		free(a);
	}
	pthread_mutex_unlock(&l->lock);
}

uint64_t
limits_total(struct limits *l)
{
	uint64_t total;

	pthread_mutex_lock(&l->lock);
	total = l->total;
	pthread_mutex_unlock(&l->lock);
	return total;
}

bool
limits_ebb(struct limits *l)
{
	bool ebb;

	pthread_mutex_lock(&l->lock);
	ebb = l->total <= l->most / 2 && l->most - l->total >= MANY;
	if (ebb)
		l->most = l->total;
	pthread_mutex_unlock(&l->lock);
	return ebb;
}

uint64_t
limits_of(struct limits *l, const struct peer *p)
{
	struct address key = { .key = peer_network(p) }, *a;
	uint64_t n;

	pthread_mutex_lock(&l->lock);
	a = RB_FIND(addresses, &l->addresses, &key);
	n = a != NULL ? a->count : 0;
	pthread_mutex_unlock(&l->lock);
	return n;
}
