/*
 * transport: how the bytes of a session get to its socket and back, in clear or
 * through TLS.  All calls are from the connection's thread; none waits.
 */
#ifndef LOOP_TRANSPORT_H
#define LOOP_TRANSPORT_H

#include "loop/conn.h"

#define TRANSPORT_IOV 64

struct transport {
	/* Send what the socket takes: bytes of the session's output that are
	 * on their way, -1 with errno.  A file that ends too early is EIO. */
	ssize_t (*flush)(struct conn *c);
	/* As recv(2); EPROTO: what came is no TLS. */
	ssize_t (*receive)(struct conn *c, void *place, size_t room);
};

extern const struct transport transport_plain; /* plain.c */
extern const struct transport transport_tls;   /* secure.c */

/* secure.c: harmless for a connection in clear. */

/* One turn of the TLS handshake, while the verdict is SESSION_TLS. */
void secure_turn(struct conn *c);

/* Bytes that have left the session and not the process. */
size_t secure_unsent(const struct conn *c);

/* Something can be received without waiting for the socket. */
bool secure_ready(const struct conn *c);

/*
 * The last words, when the session has none left: close_notify, or the alert
 * that says what is wrong.  True when they are sent, or nobody is there to
 * hear them; false when the socket takes no more for now.
 */
bool secure_end(struct conn *c);

#endif
