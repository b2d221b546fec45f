/*
 * stdio: one export for one client on standard input and output, with the
 * daemon's sessions but without its loops and threads: what arrives alone
 * decides what happens, so that inetd, a tunnel, a test suite or a fuzzer can
 * run it.
 */
#ifndef LOOP_STDIO_H
#define LOOP_STDIO_H

#include "loop/daemon.h"

/*
 * Serve until the client has gone.  The exit status: 0, whatever the client
 * did; 1 when the export could not be served.
 */
int stdio_run(const struct daemon_options *o, const char *name);

#endif
