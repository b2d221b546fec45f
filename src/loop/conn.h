/*
 * conn: a client's connection: a socket, a session, and what the loop has to
 * know about both.  It lives on one loop; all calls are from its thread.
 */
#ifndef LOOP_CONN_H
#define LOOP_CONN_H

#include <bsd/sys/queue.h>

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "loop/settings.h"
#include "session/session.h"
#include "tls/channel.h"

enum conn_state {
	CONN_OPEN,    /* the session talks */
	CONN_CLOSING, /* the last output is being sent */
	CONN_DEAD     /* socket closed; workers still hold some of its memory */
};

struct transport;

struct conn {
	TAILQ_ENTRY(conn) link;
	TAILQ_ENTRY(conn) run_link;
	TAILQ_ENTRY(conn) shake_link;
	TAILQ_ENTRY(conn) replied_link;
	bool runnable; /* is in the loop's list of those */
	bool replied;  /* is in the loop's list of those */
	bool stopping; /* to be closed as soon as nothing is in flight */
	bool logged;   /* when it began to be served, at the level info */
	bool shaking;  /* is in the loop's list of handshakes, */
	ev_tstamp opened; /* since then */
	bool refused;  /* a line was logged when it was refused */
	enum conn_state state;
	enum session_verdict verdict;
	struct loop *loop;
	int fd;
	int enough; /* bytes that make the socket readable */
	ev_io io;
	ev_timer timer; /* handshake, or closing */
	const struct transport *transport;
	struct tls_channel *tls; /* NULL: in clear */
	struct proof *proof;     /* the peer's; NULL: it has proved nothing */
	struct session *session;
	struct chunk *stash; /* input that the session has not taken yet */
	struct settings *settings;
	struct peer peer;
	uint32_t stats_slot;
	struct acquire *waiting;     /* for an exclusive export, or NULL */
	struct challenge *challenge; /* under way, or NULL */
};

/*
 * Serve the socket (owned then, also on failure: it is closed and the peer
 * is taken from the limits).
 */
void conn_open(struct loop *l, int fd, const struct peer *peer);

/* Give it a turn in the next round of the loop. */
void conn_runnable(struct conn *c);

/* One turn: run the session on what is there, send, watch. */
void conn_run(struct conn *c);

/* Log, at a bounded rate, that it was refused a handshake or an export, whose
 * name has len bytes (NULL: none). */
void conn_refused(struct conn *c, const char *name, size_t len,
    const char *reason);

/* End it when what is in flight is answered; the reason is static text. */
void conn_shutdown(struct conn *c, const char *reason);
/* The same, and in "drain-timeout" at the latest, finished or not. */
void conn_kick(struct conn *c, const char *reason);
/* End it at once. */
void conn_abort(struct conn *c, const char *reason);

#endif
