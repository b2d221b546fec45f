/*
 * plan: what an apply is going to do, worked out and paid for in memory
 * beforehand, so that doing it cannot fail half-way.
 */
#ifndef EXPORT_PLAN_H
#define EXPORT_PLAN_H

#include "export/export.h"

struct plan {
	struct export *export;
	bool outside; /* export is not in the registry, yet or any more: the
	               * plan holds it */
	bool remove; /* its name is not in the view */
	bool forbidden; /* image-dirs does not allow its image any more */
	enum change_kind kind;
	struct generation *was;  /* current when planned, held; or NULL */
	struct generation *next; /* to become current, held; or NULL */
	struct state_export state; /* to be remembered, */
	struct state_export shown; /* and the same to be handed out */
};

struct plans {
	struct plan *list;
	size_t count, room;
};

/* 0, or -1 with d set; the plans are to be cleared in any case. */
int plans_make(struct plans *ps, struct registry *r, const struct view *v,
    struct diag *d);
void plans_clear(struct plans *ps); /* lets go of what was not taken */

#endif
