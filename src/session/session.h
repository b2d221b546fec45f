/*
 * session: the server's side of one NBD conversation.  It is fed with bytes
 * and leaves bytes to send; it knows no sockets, no clock and no threads.
 * Whoever runs it (the loop, a unit test, a fuzzer) is its host.
 *
 * All calls for one session come from one thread.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chunk.h"
#include "export/registry.h"

struct session;

/* What a session asks of its host. */
struct session_host {
	/*
	 * Find the export for name (len bytes from the network) and answer
	 * with session_acquired(), now or later.  join: become its client.
	 */
	void (*acquire)(void *arg, const char *name, size_t len, bool join);
	/*
	 * Run backend_work(b, io) where it may block.  Then, and whenever a
	 * backend answers later, io->done is called: the host's own function,
	 * which brings the io to session_complete() on the session's thread.
	 */
	void (*work)(void *arg, struct backend *b, struct io *io);
	void (*done)(struct io *io);
	/* The exports of this moment, referenced. */
	struct catalog *(*catalog)(void *arg);
	/* Transmission begins; counters to count in, or NULL. */
	struct stats_counters *(*entered)(void *arg, struct generation *g);
};

enum session_tls {
	SESSION_TLS_OFF,     /* NBD_OPT_STARTTLS is refused */
	SESSION_TLS_ON,      /* it is up to the client, and to the export */
	SESSION_TLS_REQUIRED /* nothing is answered before it */
};

struct session_config {
	const struct peer *peer;     /* borrowed, as all below */
	struct pool *pool;
	const char *default_export;  /* for the empty name, or NULL */
	bool listing;                /* NBD_OPT_LIST is answered */
	bool no_zeroes;              /* NBD_FLAG_NO_ZEROES is offered */
	bool send_files;             /* session_output_file() is called */
	enum session_tls tls;
	unsigned max_options;        /* per handshake */
	size_t max_handshake;        /* bytes per handshake */
	unsigned max_requests;       /* accepted and not yet replied to */
	size_t max_queued;           /* bytes of payload memory */
	const uint64_t *now;         /* ns, of the host's clock, or NULL; see
	                              * session_took() */
};

enum session_verdict {
	SESSION_MORE,  /* wants input */
	SESSION_AGAIN, /* has done its share of work: run it again, after others */
	SESSION_WAIT,  /* wants no input until output or an answer has moved */
	SESSION_TLS,   /* send what is left, shake hands; session_secured() */
	SESSION_CLOSE  /* send what is left, then close; see session_reason() */
};

/* NULL when memory ran out.  The config is copied, what it points to is not. */
struct session *session_new(const struct session_host *host, void *arg,
    const struct session_config *c);

/*
 * Only when session_pending() is 0: before, a worker or a backend still holds
 * memory of it.  Leaves its export.
 */
void session_free(struct session *s);
unsigned session_pending(const struct session *s);

/*
 * Work on len bytes of input and on what waits; *used says how many were
 * consumed (the others are to be given again).  Called with len 0 to go on
 * after session_sent(), session_complete() or session_acquired().
 */
enum session_verdict session_run(struct session *s, const void *data,
    size_t len, size_t *used);

/*
 * Where the next bytes of a large payload can be received without a copy:
 * returns how many (0: none, use session_run) and sets *place.  The host
 * says with session_filled() how many it put there; n may be less.
 */
size_t session_space(struct session *s, void **place);
void session_filled(struct session *s, size_t n);

/* Bytes still to come of the payload that is being received; 0: none is. */
size_t session_awaits(const struct session *s);

/* Bytes to send, as at most max pieces; then how many of them were sent. */
int session_output(struct session *s, struct iovec *iov, int max);
/*
 * When session_output() has nothing although bytes are queued, they are in a
 * file: how many, from where.  Only with send_files.  A host that cannot send
 * them all because the file has ended closes the connection.
 */
size_t session_output_file(struct session *s, int *fd, uint64_t *offset);
/*
 * It cannot send from that file at all: the piece is read instead, and no
 * other is given out so.  Until it is read session_fetching() is true, and
 * there is nothing to send.  -1: no memory; the connection cannot go on.
 */
int session_output_refused(struct session *s);
bool session_fetching(const struct session *s);
size_t session_queued(const struct session *s);
void session_sent(struct session *s, size_t n);

/*
 * After SESSION_TLS: all that was sent and received up to here was in clear,
 * all else is not; the peer is secure.  What the client had sent in clear
 * behind NBD_OPT_STARTTLS the session has not taken, and must never get.
 */
void session_secured(struct session *s);

/* Answers to what the session asked.  Run it afterwards. */
void session_acquired(struct session *s, enum refusal refusal,
    struct generation *g, const char *why);
void session_complete(struct io *io);

/*
 * How long requests take, from the session_run() that takes them up (what *now
 * was then) to their replies being queued, is counted in the counters.  Those
 * that were answered in the same turn of the host's clock are counted together
 * when the host says how long that turn took; true: there are some.
 */
bool session_replied(const struct session *s);
void session_took(struct session *s, uint64_t ns);

/* The host's arg of the session that an io belongs to; any thread. */
void *session_io_arg(const struct io *io);

/*
 * Be gone soon: options are refused with NBD_REP_ERR_SHUTDOWN, requests not
 * yet accepted with NBD_ESHUTDOWN, what is in flight is finished.  The reason
 * (static text) is for the log.  session_quiet() tells that nothing is left
 * to finish or to send.
 */
void session_shutdown(struct session *s, const char *reason);
bool session_quiet(const struct session *s);

bool session_in_transmission(const struct session *s);
const struct generation *session_generation(const struct session *s);

/* It has closed a handshake that the client would have gone on with. */
bool session_refused(const struct session *s);

/* Why it wanted to close; static text, never NULL after SESSION_CLOSE. */
const char *session_reason(const struct session *s);

#endif
