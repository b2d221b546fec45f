/*
 * settings: a configuration in force.  Immutable and refcounted: SIGHUP puts
 * a new one in its place, connections keep the one that they began with.
 */
#ifndef LOOP_SETTINGS_H
#define LOOP_SETTINGS_H

#include <stdatomic.h>

#include "loop/daemon.h"
#include "spool/config.h"

struct settings {
	atomic_uint refs;
	struct config config;
};

/* Takes the config over (c is cleared then).  NULL when memory ran out. */
struct settings *settings_new(struct config *c);
/* The file, then the options over it.  NULL with d set. */
struct settings *settings_load(const struct daemon_options *o, struct diag *d);
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s); /* NULL is allowed */

#endif
