/*
 * acquire: a negotiation's way to a worker and back, and the wait of a client
 * that wants an exclusive export for the end of the one that has it.
 */
#ifndef LOOP_ACQUIRE_H
#define LOOP_ACQUIRE_H

#include <stdbool.h>
#include <stddef.h>

struct acquire;
struct conn;

/* The session's question, see struct session_host. */
void acquire_begin(struct conn *c, const char *name, size_t len, bool join);

/* The connection ends: if it waits, it waits no longer. */
void acquire_forget(struct conn *c);

#endif
