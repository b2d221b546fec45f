/* server: the daemon that serves our spool, as its state directory shows it. */
#ifndef TOOL_SERVER_H
#define TOOL_SERVER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/diag.h"
#include "spool/state.h"
#include "tool/tool.h"

struct server {
	long pid;     /* 0: none runs */
	int statefd;  /* -1: there is no state directory */
	int exportsfd; /* -1: there is none */
	struct state_daemon state; /* zeroes when it could not be read */
};

/*
 * Look.  No daemon is no error.  -1 with d set when the state cannot be read,
 * or the daemon there serves another spool than ours.
 */
int server_open(struct server *s, const struct tool *t, struct diag *d);
void server_close(struct server *s);

/* "nbdmuxd does not run", with what it says about itself when it does. */
void server_doubt(const struct server *s, struct diag *d);

#endif
