/* connpriv: what the life of a connection and its bytes need of each other. */
#ifndef LOOP_CONNPRIV_H
#define LOOP_CONNPRIV_H

#include "loop/conn.h"

/* Close the socket; the rest goes when the workers have let go of it. */
void conn_end(struct conn *c, const char *reason);

/* Free it if nothing of it is with a worker any more. */
void conn_reap(struct conn *c);

/* Its one timer, in seconds from now; what it means follows from the state. */
void conn_arm(struct conn *c, double seconds);

/* Watch the socket for what the state and the buffers want. */
void conn_watch(struct conn *c);

/* The watcher of its socket. */
void conn_on_io(struct ev_loop *ev, ev_io *w, int revents);

#endif
