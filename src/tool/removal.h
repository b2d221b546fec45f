/*
 * removal: exports on their way out, as nbdmux-rm follows them: entries that
 * it removes, and what the daemon says of them.
 */
#ifndef TOOL_REMOVAL_H
#define TOOL_REMOVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "spool/name.h"
#include "tool/await.h"
#include "tool/given.h"
#include "tool/rm.h"
#include "tool/server.h"

#define KICK_SUFFIX ".kick"

/* How far an export's end has come, as the daemon tells. */
enum stage {
	STAGE_SERVED,   /* the daemon does not know yet */
	STAGE_DRAINING, /* no new clients; the present ones finish */
	STAGE_GONE      /* nothing of it is left */
};

struct target {
	const char *name;
	char file[NAME_FILE_SIZE];
	char kick[NAME_SIZE + sizeof(KICK_SUFFIX)];
	bool was_there;
	bool kicking; /* the marker is ours to remove */
	bool done;
	enum stage stage;
	int status;   /* its exit status */
	struct diag error;
};

struct removal {
	struct tool *tool;
	const struct rm *rm;
	struct given names;
	struct target *targets;
	struct await await;
	struct server server;
};

/* for EACH(removal, target) */
#define EACH(r, t) \
	(struct target *t = (r)->targets; \
	    t < (r)->targets + (r)->names.count; t++)

/* Whether a file of the spool is there. */
bool removal_exists(const struct removal *r, const char *file);

/* This one is settled, with this exit status. */
void removal_settle(struct target *t, int status);

/* How far it has come, by the server as last seen. */
enum stage removal_stage(const struct removal *r, const struct target *t);

/*
 * Wait until no new clients come and then, if wanted, until the last has
 * gone.  Who is late has the status TOOL_TIMEOUT afterwards.
 */
void removal_follow(struct removal *r);

#endif
