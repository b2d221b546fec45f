/*
 * registry: what is served now.  Exports by name, each with its current
 * generation; all calls are safe from any thread.
 *
 * The spool's view is applied whole; the difference is returned.  A catalog
 * is an immutable, refcounted list of the exports at one moment: lookups and
 * NBD_OPT_LIST use it without holding a lock.
 */
#ifndef EXPORT_REGISTRY_H
#define EXPORT_REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "export/allow.h"
#include "export/backend.h"
#include "export/image.h"
#include "spool/record.h"
#include "spool/state.h"
#include "spool/stats.h"
#include "spool/view.h"

struct registry;
struct export;

/*
 * An export's content: immutable, numbered, refcounted.  A connection pins
 * the one that it negotiated; the last unref closes the backend.
 */
struct generation {
	atomic_uint refs;
	uint64_t number; /* from 1 up, per export */
	char name[NAME_SIZE];
	struct record record;
	struct image_id id;
	struct backend *backend;
	uint64_t size; /* bytes that clients see: whole minimum blocks */
	struct allow *allow;
	uint64_t made;      /* s since the epoch */
	atomic_bool kicked; /* its connections are to be ended */
	atomic_uint clients; /* connections that use it */
	struct export *export; /* held */
	struct registry *registry; /* borrowed: outlives every generation */
	uint32_t stats_slot;
};

void generation_ref(struct generation *g);
void generation_unref(struct generation *g); /* NULL is allowed */

struct registry_options {
	const char *image_dirs; /* copied */
	bool probe;             /* the built-in export "probe", 1 MiB */
	bool no_tls;            /* exports that need it fail, with the reason */
};

/*
 * stats may be NULL.  idle(arg) is called, from any thread, when a removed
 * export's last connection has ended or a kick has someone to end, so that
 * the caller looks again.  Borrowed: stats and arg outlive the registry.
 */
struct registry *registry_new(const struct registry_options *o,
    struct stats *stats, void (*idle)(void *arg), void *arg, struct diag *d);
void registry_free(struct registry *r); /* after the last connection */

/* New options for the next apply and for later negotiations. */
int registry_configure(struct registry *r, const struct registry_options *o,
    struct diag *d);

enum change_kind {
	CHANGE_ADDED,   /* a name that was not served is served or failed now */
	CHANGE_CHANGED, /* the next generation, or another error */
	CHANGE_REMOVED, /* drains from now on */
	CHANGE_GONE,    /* its last connection has ended: forget its state */
	CHANGE_SAME     /* answers a new version of its file, content the same */
};
/* A set of bits: what of a change nobody was told before. */
enum change_news {
	NEWS_ENTRY = 1,  /* another version of the entry, but for CHANGE_SAME */
	NEWS_SERVED = 2, /* another generation is for new clients */
	NEWS_FAILED = 4, /* there is an error, or another one */
	NEWS_REMOVED = 8
};
struct change {
	enum change_kind kind;
	unsigned news;
	char name[NAME_SIZE];
	struct state_export state; /* to be published; not for CHANGE_GONE */
};
struct changes {
	size_t count;
	struct change *list;
	bool kicked; /* some generation's kicked flag was newly set */
};
void changes_free(struct changes *c);

/*
 * Apply a view.  Opens and looks at images, so it may block: never on a loop;
 * one caller at a time.  One bad entry makes one failed export; an export
 * that is served stays as it was, with the error in its state.
 * -1 only when memory ran out: nothing was changed then.
 */
int registry_apply(struct registry *r, const struct view *v,
    struct changes *out, struct diag *d);

/*
 * The state files are lost: the next apply tells all states again.  Between
 * two applies, by their caller.
 */
void registry_republish(struct registry *r);

/*
 * May any export that is served be for this client, as far as its address
 * tells?  Cheap, however many there are.  Without exports the answer is yes,
 * and so it is on unix sockets.  What an apply has changed, it answers from
 * the return of that on.
 */
bool registry_welcomes(struct registry *r, const struct peer *p);

/* Whether a list for this client has it: it could use it as it is now. */
bool generation_shown(const struct generation *g, const struct peer *p);

/* Why a name is refused at a negotiation. */
enum refusal {
	REFUSE_NOT,
	REFUSE_UNKNOWN, /* no such export, or being removed */
	REFUSE_FAILED,  /* it exists, but its image cannot be served */
	REFUSE_TLS,     /* not without TLS */
	REFUSE_DENIED,  /* the client may not use it */
	REFUSE_FULL,    /* max-clients reached */
	REFUSE_BUSY     /* exclusive, and somebody has it */
};

/*
 * The current generation for a client, referenced, after a look at the image
 * (so it may block): when another file is there now, the next generation is
 * made first.  name is len bytes from the network.  join: the client becomes
 * one of the export's clients, to be taken back with registry_leave().
 */
enum refusal registry_acquire(struct registry *r, const char *name, size_t len,
    const struct peer *p, bool join, struct generation **out, struct diag *d);

/*
 * The same for who must not block.  false: nothing is known, since that takes
 * a look that may block, or the export is busy; registry_acquire() tells.
 */
bool registry_acquire_now(struct registry *r, const char *name, size_t len,
    const struct peer *p, bool join, enum refusal *refusal,
    struct generation **out, struct diag *d);
void registry_leave(struct generation *g); /* and unrefs it */

/*
 * Would a client be refused the export with REFUSE_BUSY?  *answered is then
 * when a client of it was last told to be alive, with registry_answered():
 * CLOCK_MONOTONIC in ns, 0: never.  Does not block.
 */
bool registry_busy(struct registry *r, const char *name, size_t len,
    uint64_t *answered);
void registry_answered(const struct generation *g, uint64_t now);

/*
 * The catalog at this moment, referenced; what each entry tells a client.
 * Exports that are being removed are not in it.  NULL when memory ran out.
 */
struct catalog_entry {
	char name[NAME_SIZE];
	struct generation *generation; /* held; NULL when failed */
};
struct catalog {
	atomic_uint refs;
	size_t count;
	struct catalog_entry entries[]; /* sorted by name */
};
struct catalog *registry_catalog(struct registry *r);
void catalog_unref(struct catalog *c); /* NULL is allowed */

#endif
