/*
 * server: the daemon as a whole: what its parts share, and its life from the
 * opened sockets to the last reply.
 */
#ifndef LOOP_SERVER_H
#define LOOP_SERVER_H

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/chunk.h"
#include "base/diag.h"
#include "base/job.h"
#include "export/registry.h"
#include "loop/settings.h"
#include "spool/places.h"
#include "spool/stats.h"

struct loop;

struct server {
	const struct places *places; /* borrowed */
	int statefd;                 /* the state directory, owned */
	int lockfd;                  /* of its pid file, owned */
	int spoolfd;                 /* the locked spool directory, borrowed */
	struct stats *stats;
	struct registry *registry;
	struct limits *limits;
	struct refusals *refusals;
	struct recorder *recorder;
	struct budget budget;
	struct workers *workers;
	struct keeper *keeper;
	struct listeners *listeners; /* borrowed */
	struct loop **loops; /* the first one's thread is the caller's */
	unsigned nloops;
	pthread_mutex_t lock; /* of settings */
	struct settings *settings;
	/* Of the start, for the keys that take a restart.  Never changes. */
	struct settings *started;
	/* Read a new configuration; NULL with d set keeps the old one. */
	struct settings *(*reload)(void *arg, struct diag *d);
	void *reload_arg;

	/* first loop's thread only */
	ev_signal sigterm, sigint, sighup;
	ev_timer deadline;
	bool stopping;
	int status;

	atomic_uint others; /* loops but the first that run */
	struct job ended;   /* wakes the first one up: none does */
};

/*
 * Make a server for opened listeners and a locked state directory (statefd
 * and lockfd are the server's then).  NULL with d set.
 */
struct server *server_new(const struct places *places, int statefd,
    int lockfd, struct listeners *listeners, struct settings *settings,
    struct diag *d);
void server_free(struct server *s); /* NULL is allowed */

/*
 * Read the spool, serve until SIGTERM, answer what is in flight.  ready(arg)
 * is called once, when clients can connect.  The process's exit status.
 */
int server_run(struct server *s, void (*ready)(void *arg), void *arg);

/* Any thread: */
struct settings *server_settings(struct server *s); /* referenced */
/* Some generation was kicked: end its connections. */
void server_kick(struct server *s);
/* The keeper's thread: read the configuration again and take it up; make the
 * state directory again, with the lock and the counters in it. */
void server_reload(struct server *s);
int server_remake_state(struct server *s, struct diag *d);
/* A descriptor was closed: paused listeners may go on. */
void server_descriptor_freed(struct server *s);
/* A loop's thread ends; may this one's?  The first stays for the signals and
 * the deadline until the others have ended. */
void server_loop_ended(struct server *s);
bool server_may_end(struct server *s, const struct loop *l);
/* The loop with the fewest connections. */
struct loop *server_loop(struct server *s);

#endif
