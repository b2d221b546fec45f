/* registry: the registry's life, and a client's way into an export. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/door.h"
#include "export/export.h"

#define LOOKS_MAX 64 /* of one negotiation at an image that keeps changing */

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

static enum refusal
refuse(enum refusal why, struct diag *d, const char *text)
{
	diag_set(d, "%s", text);
	return why;
}

static bool
too_open(const struct generation *g, const struct peer *p)
{
	return !p->secure && g->record.tls == RECORD_TLS_REQUIRE;
}

bool
generation_shown(const struct generation *g, const struct peer *p)
{
	return !too_open(g, p) && allow_match(g->allow, p);
}

/* In clear nobody has proved anything yet. */
static enum refusal
denied(const struct generation *g, const struct peer *p, struct diag *d)
{
	if (!p->secure && allow_names(g->allow))
		return refuse(REFUSE_TLS, d,
		    "this export needs TLS, and a proof of who you are");
	if (allow_names(g->allow))
		return refuse(REFUSE_DENIED, d, "neither your address nor who "
		    "you proved to be may use this export");
	return refuse(REFUSE_DENIED, d, "your address may not use this export");
}

/*
 * Under the lock: may this client have the export's current generation?  The
 * words go to the client, so they name no path and no other client.
 */
static enum refusal
admit(struct registry *r, const char *name, const struct peer *p, bool join,
    struct generation **out, struct diag *d)
{
	struct export *e = export_find(r, name);
	struct generation *g = e == NULL ? NULL : e->current;

	if (e == NULL || e->draining)
		return refuse(REFUSE_UNKNOWN, d, "no such export");
	if (g == NULL)
		return refuse(REFUSE_FAILED, d,
		    "this export cannot be served at the moment");
	if (too_open(g, p))
		return refuse(REFUSE_TLS, d, "this export needs TLS");
	if (!allow_match(g->allow, p))
		return denied(g, p, d);
	if (join && g->record.max_clients != 0 &&
	    e->clients >= g->record.max_clients)
		return refuse(REFUSE_FULL, d,
		    "this export has as many clients as it may have");
	generation_ref(g);
	*out = g;
	return REFUSE_NOT;
}

/* Make next current if nobody was faster.  Takes next's reference. */
static bool
replace(struct registry *r, struct generation *was, struct generation *next)
{
	struct export *e = was->export;
	struct generation *old = next;
	struct catalog *c = NULL;
	bool won;

	pthread_mutex_lock(&r->lock);
	won = e->current == was;
	if (won) {
		old = export_install(e, next);
		c = registry_outdate(r);
	}
	pthread_mutex_unlock(&r->lock);
	generation_unref(old);
	catalog_unref(c);
	return won;
}

enum fresh {
	FRESH,     /* the generation is of the image that is there */
	OUTRUN,    /* another one was installed meanwhile: look again */
	FORBIDDEN  /* image-dirs does not allow the image any more */
};

/*
 * Another file may be there now, which this client is to have.  When there is
 * none that can be served, the present generation stays and the next apply
 * says why.
 */
static enum fresh
refresh(struct registry *r, struct generation *g)
{
	struct generation *next = NULL;
	struct image_id id;
	struct policy *p;
	enum fresh fresh = FRESH;

	if (g->record.image == NULL)
		return FRESH;
	p = policy_get(r);
	if (image_look(g->record.image, p->image_dirs, &id, NULL) == -1)
		fresh = errno == EXDEV ? FORBIDDEN : FRESH;
	else if (!image_same(&id, &g->id))
		next = generation_make(g->export, &g->record, p->image_dirs,
		    NULL);
	policy_unref(p);
	if (next == NULL)
		return fresh;
	if (!replace(r, g, next))
		return OUTRUN;
	if (r->idle != NULL)
		r->idle(r->arg);
	return FRESH;
}

/* Admission, and membership in the same step, so that no two share a place. */
static enum refusal
enter(struct registry *r, const char *name, const struct peer *p, bool join,
    struct generation **out, struct diag *d)
{
	enum refusal why;

	pthread_mutex_lock(&r->lock);
	why = admit(r, name, p, join, out, d);
	if (why == REFUSE_NOT && join) {
		atomic_fetch_add(&(*out)->clients, 1);
		(*out)->export->clients++;
	}
	pthread_mutex_unlock(&r->lock);
	return why;
}

/*
 * Who would be refused anyway does not make us look at files; who was let
 * through is asked again afterwards, since anything may have changed.
 */
enum refusal
registry_acquire(struct registry *r, const char *name, size_t len,
    const struct peer *p, bool join, struct generation **out, struct diag *d)
{
	char text[NAME_SIZE];
	enum fresh fresh = OUTRUN;
	struct generation *g;
	enum refusal why;

	*out = NULL;
	if (len >= sizeof text || memchr(name, '\0', len) != NULL)
		return refuse(REFUSE_UNKNOWN, d, "no such export");
	memcpy(text, name, len);
	text[len] = '\0';
	/* Whoever outran us may have looked before this client asked. */
	for (int i = 0; fresh == OUTRUN && i < LOOKS_MAX; i++) {
		pthread_mutex_lock(&r->lock);
		why = admit(r, text, p, join, &g, d);
		pthread_mutex_unlock(&r->lock);
		if (why != REFUSE_NOT)
			return why;
		fresh = refresh(r, g);
		generation_unref(g);
	}
	if (fresh == FORBIDDEN)
		return refuse(REFUSE_FAILED, d,
		    "export cannot be served at the moment");
	return enter(r, text, p, join, out, d);
}

void
registry_leave(struct generation *g)
{
	struct registry *r = g->registry;
	struct export *e = g->export;
	bool last;

	pthread_mutex_lock(&r->lock);
	e->clients--;
	last = atomic_fetch_sub(&g->clients, 1) == 1 && atomic_load(&g->kicked);
	last = last || (e->draining && e->clients == 0);
	pthread_mutex_unlock(&r->lock);
	generation_unref(g);
	if (last && r->idle != NULL)
		r->idle(r->arg);
}
