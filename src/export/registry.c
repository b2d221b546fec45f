/* registry: the registry's life, and its options. */
#include <stdlib.h>
#include <string.h>

#include "export/door.h"
#include "export/export.h"

static struct policy *
policy_new(const struct registry_options *o, struct diag *d)
{
	struct policy *p = calloc(1, sizeof *p);

	if (p != NULL && o->image_dirs != NULL) {
		p->image_dirs = strdup(o->image_dirs);
		if (p->image_dirs == NULL) {
			free(p);
			p = NULL;
		}
	}
	if (p == NULL) {
		diag_errno(d, "cannot set the registry's options");
		return NULL;
	}
	p->probe = o->probe;
	p->no_tls = o->no_tls;
	atomic_init(&p->refs, 1);
	return p;
}

struct policy *
policy_get(struct registry *r)
{
	struct policy *p;

	pthread_mutex_lock(&r->lock);
	p = r->policy;
	atomic_fetch_add(&p->refs, 1);
	pthread_mutex_unlock(&r->lock);
	return p;
}

void
policy_unref(struct policy *p)
{
	if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	free(p->image_dirs);
	free(p);
}

struct registry *
registry_new(const struct registry_options *o, struct stats *stats,
    void (*idle)(void *arg), void *arg, struct diag *d)
{
	struct registry *r = calloc(1, sizeof *r);

	if (r == NULL) {
		diag_errno(d, "cannot make the registry");
		return NULL;
	}
	r->policy = policy_new(o, d);
	if (r->policy == NULL) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->door_lock, NULL);
	RB_INIT(&r->exports);
	r->stats = stats;
	r->idle = idle;
	r->arg = arg;
	return r;
}

void
registry_free(struct registry *r)
{
	struct export *e, *next;

	if (r == NULL)
		return;
	catalog_unref(r->catalog);
	RB_FOREACH_SAFE(e, export_tree, &r->exports, next) {
		RB_REMOVE(export_tree, &r->exports, e);
		generation_unref(e->current);
		export_unref(e);
	}
	policy_unref(r->policy);
	door_free(r->door);
	pthread_mutex_destroy(&r->door_lock);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

int
registry_configure(struct registry *r, const struct registry_options *o,
    struct diag *d)
{
	struct policy *old, *p = policy_new(o, d);

	if (p == NULL)
		return -1;
	pthread_mutex_lock(&r->lock);
	old = r->policy;
	r->policy = p;
	pthread_mutex_unlock(&r->lock);
	policy_unref(old);
	return 0;
}
