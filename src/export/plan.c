/*
 * plan: compares a view with the registry.  Images are looked at and opened
 * here, without the lock; an export for which nothing changes costs a look.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/keys.h"
#include "export/plan.h"

static int
out_of_memory(struct diag *d)
{
	return diag_set(d, "cannot apply the spool: out of memory");
}

static void
plan_clear(struct plan *p)
{
	generation_unref(p->was);
	generation_unref(p->next);
	if (p->outside)
		export_unref(p->export);
	state_export_clear(&p->state);
	state_export_clear(&p->shown);
}

void
plans_clear(struct plans *ps)
{
	size_t i;

	for (i = 0; i < ps->count; i++)
		plan_clear(&ps->list[i]);
	free(ps->list);
	memset(ps, 0, sizeof *ps);
}

/*
 * Add p, whose state has borrowed strings, with copies of them.  On an error
 * the caller still has p, without a state.
 */
static int
push(struct plans *ps, struct plan *p, const struct state_export *state)
{
	struct plan *list = array_more(ps->list, ps->count, &ps->room,
	    sizeof(*list));

	if (list == NULL)
		return -1;
	ps->list = list;
	if (keys_copy(state_export_keys, &p->state, state) == -1 ||
	    keys_copy(state_export_keys, &p->shown, state) == -1)
		return -1;
	ps->list[ps->count++] = *p;
	return 0;
}

/*
 * Does the export need its next generation?  The one there is stays when the
 * text is bad, and when its image is gone; not when image-dirs, or the lack of
 * TLS, forbids it by now.  why tells what is wrong.
 */
static bool
wants_next(const struct generation *was, const struct view_entry *v,
    const struct policy *policy, bool *forbidden, struct diag *why)
{
	struct image_id id;

	*forbidden = false;
	if (v->bad) {
		diag_set(why, "%s", v->error);
		return false;
	}
	if (v->record.image == NULL && v->record.source != NULL)
		return false; /* it is still to be fetched */
	if (policy->no_tls && record_needs_tls(&v->record)) {
		diag_set(why, "its clients must encrypt, and the daemon has "
		    "\"tls = off\"; see nbdmuxd.conf(5)");
		*forbidden = was != NULL; /* it would be refused to all */
		return false;
	}
	if (was == NULL || !record_serves_same(&was->record, &v->record))
		return true;
	if (was->record.image == NULL)
		return false;
	if (image_look(was->record.image, policy->image_dirs, &id, why) == -1) {
		*forbidden = errno == EXDEV;
		if (errno == ENOENT)
			diag_set(why, "\"%s\" is gone", was->record.image);
		return false;
	}
	why->text[0] = '\0';
	return !image_same(&id, &was->id);
}

/* What is to be published of p, in borrowed strings. */
static void
describe(struct state_export *s, const struct plan *p, uint64_t last,
    const struct view_entry *v, struct diag *why)
{
	const struct generation *g = p->next != NULL ? p->next :
	    p->forbidden ? NULL : p->was;
	const struct record *rec = g != NULL ? &g->record : &v->record;

	memset(s, 0, sizeof *s);
	s->format = STATE_FORMAT;
	s->status = g != NULL ? STATUS_READY : STATUS_FAILED;
	if (g == NULL && !v->bad && rec->image == NULL && rec->source != NULL)
		s->status = STATUS_QUEUED;
	if (g != NULL || !v->bad) {
		s->builtin = rec->image == NULL && rec->source == NULL;
		s->image = rec->image;
		s->description = rec->description;
		s->mode = rec->mode;
		s->tls = rec->tls;
	}
	if (g != NULL) {
		s->size = g->size;
		s->generation = p->next != NULL ? last + 1 : g->number;
		s->since = g->made;
	}
	s->spool_ino = v->stamp.ino;
	s->spool_mtime = v->stamp.mtime;
	if (why->text[0] == '\0')
		return;
	if (g != NULL) {
		struct diag text = *why;

		diag_set(why, "%s; generation %llu is still served", text.text,
		    (unsigned long long)g->number);
	}
	s->error = why->text;
}

/* What a new state means for those who know the old one. */
static enum change_kind
change_of(const struct plan *p, const struct state_export *s)
{
	struct state_export old = p->export->state; /* borrows its strings */

	if (p->outside || p->export->draining)
		return CHANGE_ADDED;
	old.spool_ino = s->spool_ino;
	old.spool_mtime = s->spool_mtime;
	return keys_equal(state_export_keys, &old, s) ? CHANGE_SAME :
	                                                CHANGE_CHANGED;
}

static bool
nothing_new(const struct plan *p, const struct state_export *s)
{
	return !p->outside && !p->export->draining && !p->export->lost &&
	    p->next == NULL && !p->forbidden &&
	    keys_equal(state_export_keys, &p->export->state, s);
}

/* One name of the view. */
static int
plan_entry(struct plans *ps, struct registry *r, const struct view_entry *v,
    const struct policy *policy)
{
	struct plan p = { .export = export_find(r, v->name) };
	struct diag why = { "" };
	struct state_export s;
	uint64_t last;
	int rc = -1;

	if (p.export == NULL) {
		p.outside = true;
		p.export = export_new(r, v->name);
		if (p.export == NULL)
			return -1;
	}
	p.export->seen = r->applies;
	p.was = export_current(p.export, &last);
	if (wants_next(p.was, v, policy, &p.forbidden, &why))
		p.next = generation_make(p.export, &v->record,
		    policy->image_dirs, &why);
	if (p.next != NULL)
		why.text[0] = '\0';
	describe(&s, &p, last, v, &why);
	p.kind = change_of(&p, &s);
	if (nothing_new(&p, &s))
		rc = 0;
	else if (push(ps, &p, &s) == 0)
		return 0;
	plan_clear(&p);
	return rc;
}

/*
 * One name that is not in the view.  Whether it drains or is gone depends on
 * its clients at the moment of doing it.
 */
static int
plan_removal(struct plans *ps, struct export *e)
{
	struct plan p = { .export = e, .remove = true };
	struct state_export s = e->state; /* borrows its strings */

	s.status = STATUS_DRAINING;
	s.error = NULL;
	s.spool_ino = s.spool_mtime = 0;
	if (push(ps, &p, &s) == 0)
		return 0;
	plan_clear(&p);
	return -1;
}

/* The built-in export, as if the spool had it; a real one of its name wins. */
static int
plan_probe(struct plans *ps, struct registry *r, const struct view *v,
    const struct policy *policy)
{
	static char description[] = "test pattern";
	struct view_entry entry = {
		.name = "probe",
		.record = { .description = description, .mode = MODE_RO },
	};

	if (view_find(v, entry.name) != NULL)
		return 0;
	return plan_entry(ps, r, &entry, policy);
}

static int
make(struct plans *ps, struct registry *r, const struct view *v,
    const struct policy *policy)
{
	struct export *e;
	size_t i;

	for (i = 0; i < v->count; i++)
		if (plan_entry(ps, r, v->entries[i], policy) == -1)
			return -1;
	if (policy->probe && plan_probe(ps, r, v, policy) == -1)
		return -1;
	RB_FOREACH(e, export_tree, &r->exports)
		if (e->seen != r->applies && plan_removal(ps, e) == -1)
			return -1;
	return 0;
}

int
plans_make(struct plans *ps, struct registry *r, const struct view *v,
    struct diag *d)
{
	struct policy *policy = policy_get(r);
	int rc;

	memset(ps, 0, sizeof *ps);
	r->applies++;
	rc = make(ps, r, v, policy);
	policy_unref(policy);
	return rc == -1 ? out_of_memory(d) : 0;
}
