/*
 * export: the insides of the registry, shared by its parts.  An export is a
 * name with a line of generations; who holds what:
 *
 *	registry -> export -> current generation
 *	catalog, connection -> generation -> export
 *
 * The lock guards what is said to be under it and is never held across a
 * call that reaches a file system, nor while a generation is let go.
 */
#ifndef EXPORT_EXPORT_H
#define EXPORT_EXPORT_H

#include <bsd/sys/tree.h>
#include <sys/queue.h>

#include <pthread.h>

#include "export/registry.h"

/* A generation and its place in its export's list. */
struct node {
	struct generation generation; /* first */
	LIST_ENTRY(node) link;
	bool listed;
};

struct export {
	RB_ENTRY(export) link;
	char name[NAME_SIZE];
	atomic_uint refs; /* the registry's and each generation's */
	uint32_t stats_slot;
	struct registry *registry; /* borrowed */

	/* Under the lock: */
	struct generation *current; /* held; NULL: failed or draining */
	LIST_HEAD(, node) generations; /* all that were ever current and live */
	uint64_t last;              /* number of the newest */
	unsigned clients;           /* of all generations */
	char holder[sizeof ((struct peer *)0)->text]; /* if there is one */
	uint64_t answered;          /* see registry_answered() */
	bool draining;              /* written by apply only */

	/* Apply's own: */
	uint64_t seen;             /* the last apply that had it in its view */
	struct state_export state; /* as it was published last */
	bool lost;                 /* that is to be published again */
};

RB_HEAD(export_tree, export);
RB_PROTOTYPE(export_tree, export, link, export_cmp)

/* The options, shared with calls that work with them outside the lock. */
struct policy {
	atomic_uint refs;
	bool probe, no_tls;
	char *image_dirs; /* or NULL */
};

struct registry {
	pthread_mutex_t lock;
	struct export_tree exports; /* changed by apply only, under the lock */
	struct policy *policy;      /* under the lock; held */
	struct catalog *catalog;    /* under the lock; held; NULL: outdated */
	pthread_mutex_t door_lock;
	struct door *door;          /* under door_lock; NULL: open */
	struct stats *stats;        /* borrowed */
	void (*idle)(void *arg);
	void *arg;
	uint64_t applies; /* apply's own */
};

struct export *export_new(struct registry *r, const char *name);
void export_unref(struct export *e); /* NULL is allowed */
struct export *export_find(struct registry *r, const char *name);

/*
 * What e has now, referenced, or NULL; and the number of its newest
 * generation.
 */
struct generation *export_current(struct export *e, uint64_t *last);

/*
 * Open what the record names; not current yet.  A record without an image is
 * the built-in pattern.  NULL with d set.  Blocks.
 */
struct generation *generation_make(struct export *e, const struct record *rec,
    const char *image_dirs, struct diag *d);

/*
 * Under the lock: g, whose reference goes to the export, is the next.  The
 * old one (or NULL) is returned, to be let go after the lock.
 */
struct generation *export_install(struct export *e, struct generation *g);

/* Under the lock: the catalog is outdated; let go of it after the lock. */
struct catalog *registry_outdate(struct registry *r);

/* After an apply: who is let in has changed. */
void registry_hang_door(struct registry *r);

struct policy *policy_get(struct registry *r); /* referenced */
void policy_unref(struct policy *p);           /* NULL is allowed */

#endif
