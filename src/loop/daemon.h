/* daemon: nbdmuxd from its options to its exit status. */
#ifndef LOOP_DAEMON_H
#define LOOP_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "spool/places.h"

/* A key given as an option: it wins over the file, also after a reload. */
struct override {
	const char *name, *value; /* borrowed */
};

struct daemon_options {
	struct places places;
	const struct override *overrides;
	size_t count;
	bool background; /* -d */
	bool verbose;    /* -v: everything is logged */
	bool passed;     /* sockets were, and are the default of "listen" */
};

/* Serve until told to stop.  The exit status. */
int daemon_run(const struct daemon_options *o);

/* Check the configuration and the whole spool, say what is wrong. */
int daemon_test(const struct daemon_options *o);

#endif
