/* acquire: a client's way into an export, and out of it. */
#include <errno.h>
#include <string.h>

#include "export/export.h"

#define LOOKS_MAX 64 /* of one negotiation at an image that keeps changing */

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

/* Who is refused an exclusive export is to know whom to ask. */
static enum refusal
busy(const struct export *e, struct diag *d)
{
	if (e->clients == 1 && e->holder[0] != '\0')
		diag_set(d, "export is in exclusive use by %s", e->holder);
	else
		diag_set(d, "export is for one client at a time, and still "
		    "has %u", e->clients);
	return REFUSE_BUSY;
}

/*
 * Under the lock: may this client have the export's current generation?  The
 * words go to the client, so they name no path and, but for busy(), no other
 * client.
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
	if (join && g->record.exclusive && e->clients > 0)
		return busy(e, d);
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

/* Under the lock.  Of several clients none is the holder. */
static void
joined(struct export *e, const struct peer *p)
{
	if (e->clients++ == 0)
		memcpy(e->holder, p->text, sizeof e->holder);
	else
		e->holder[0] = '\0';
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
		joined((*out)->export, p);
	}
	pthread_mutex_unlock(&r->lock);
	return why;
}

/* A name from the network as text; false: no export can have it. */
static bool
name_text(char text[NAME_SIZE], const char *name, size_t len)
{
	if (len >= NAME_SIZE || memchr(name, '\0', len) != NULL)
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	return true;
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
	if (!name_text(text, name, len))
		return refuse(REFUSE_UNKNOWN, d, "no such export");
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

static bool
is_fresh(struct registry *r, const struct generation *g)
{
	struct policy *p;
	bool fresh;

	if (g->record.image == NULL)
		return true;
	p = policy_get(r);
	fresh = image_is_still(g->record.image, p->image_dirs, &g->id);
	policy_unref(p);
	return fresh;
}

bool
registry_acquire_now(struct registry *r, const char *name, size_t len,
    const struct peer *p, bool join, enum refusal *refusal,
    struct generation **out, struct diag *d)
{
	char text[NAME_SIZE];
	struct generation *g;
	bool fresh;

	*out = NULL;
	if (!name_text(text, name, len)) {
		*refusal = refuse(REFUSE_UNKNOWN, d, "no such export");
		return true;
	}
	pthread_mutex_lock(&r->lock);
	*refusal = admit(r, text, p, join, &g, d);
	pthread_mutex_unlock(&r->lock);
	if (*refusal != REFUSE_NOT)
		return *refusal != REFUSE_BUSY;
	fresh = is_fresh(r, g);
	generation_unref(g);
	if (!fresh)
		return false;
	*refusal = enter(r, text, p, join, out, d);
	return *refusal != REFUSE_BUSY;
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

bool
registry_busy(struct registry *r, const char *name, size_t len,
    uint64_t *answered)
{
	char text[NAME_SIZE];
	const struct export *e;
	bool is_busy;

	if (len >= sizeof text)
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	pthread_mutex_lock(&r->lock);
	e = export_find(r, text);
	is_busy = e != NULL && e->current != NULL && e->clients > 0 &&
	    e->current->record.exclusive;
	*answered = e != NULL ? e->answered : 0;
	pthread_mutex_unlock(&r->lock);
	return is_busy;
}

void
registry_answered(const struct generation *g, uint64_t now)
{
	pthread_mutex_lock(&g->registry->lock);
	g->export->answered = now;
	pthread_mutex_unlock(&g->registry->lock);
}
