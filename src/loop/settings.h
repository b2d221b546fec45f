/*
 * settings: a configuration in force.  Immutable and refcounted: SIGHUP puts
 * a new one in its place, connections keep the one that they began with.
 */
#ifndef LOOP_SETTINGS_H
#define LOOP_SETTINGS_H

#include <stdatomic.h>

#include "export/registry.h"
#include "loop/daemon.h"
#include "session/session.h"
#include "spool/config.h"
#include "tls/creds.h"

struct settings {
	atomic_uint refs;
	struct config config;
	struct tls_creds *tls; /* NULL: off, or not loaded yet */
};

/* Takes the config over (c is cleared then).  NULL when memory ran out. */
struct settings *settings_new(struct config *c);
/* The file, then the options over it.  NULL with d set. */
struct settings *settings_load(const struct daemon_options *o, struct diag *d);
/*
 * Load what "tls" needs, as the user who will load it again: -1 with d set.
 * Before anybody else has them.
 */
int settings_secure(struct settings *s, struct diag *d);
/* What it says about sessions; whose peer and memory it is, is the caller's to
 * say.  Borrows from the settings. */
struct session_config settings_session(const struct settings *s);
/* And about exports.  Borrows, too. */
struct registry_options settings_registry(const struct settings *s);
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s); /* NULL is allowed */

#endif
