/*
 * publisher: tells the world what the registry serves, through the state
 * files.  Used by the keeper's thread alone.
 */
#ifndef LOOP_PUBLISHER_H
#define LOOP_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "export/registry.h"
#include "spool/view.h"

struct server;

struct publisher {
	struct server *server; /* borrowed */
	int exportsfd;         /* STATE/exports */
	uint64_t dev, ino;     /* of the state directory */
	uint64_t started;      /* s since the epoch */
	char *trouble;         /* the daemon's own error; NULL: none */
	bool swept;            /* what an earlier daemon left is removed */
	bool behind;           /* something could not be written: try again */
};

int publisher_open(struct publisher *p, struct server *server, struct diag *d);
void publisher_close(struct publisher *p);

/* The state directory may have been removed: make it again, write it all. */
void publisher_check(struct publisher *p);

/* The daemon's own state: NULL when all is well. */
void publisher_trouble(struct publisher *p, const char *text);

void publisher_publish(struct publisher *p, const struct changes *changes);

/* Remove kick markers that have no one left to disconnect. */
void publisher_unkick(struct publisher *p, int spoolfd, const struct view *v);

#endif
