/*
 * tell: what a tool did, as an event with who did it.  An event that cannot be
 * recorded is said so on stderr, once, and changes nothing else.
 */
#ifndef TOOL_TELL_H
#define TOOL_TELL_H

#include "base/events.h"
#include "tool/tool.h"

/*
 * Like event_begin(): program and who are the tool's.  t->who, when it is
 * not NULL, is who asked: the CGI program's client.  Else it is the user.
 */
void tell_begin(struct event *e, const struct tool *t, const char *name,
    const char *export);

/* Record it. */
void tell_end(struct event *e, struct tool *t);

/*
 * Who this is: "alice", and what the environment says of where from: "alice
 * from 192.0.2.7" over SSH, "root (sudo by alice)".  Returns dst.
 */
char *tell_who(char *dst, size_t size);

#endif
