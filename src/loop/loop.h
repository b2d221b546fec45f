/*
 * loop: one libev loop in one thread, with its connections.  Other threads
 * reach it only through its inbox of jobs.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <bsd/sys/queue.h>

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/chunk.h"
#include "base/clock.h"
#include "base/job.h"
#include "loop/server.h"
#include "loop/spin.h"

#define LOOP_INPUT (64 * 1024) /* bytes received at once, shared */

struct conn;
TAILQ_HEAD(conn_list, conn);

struct loop {
	struct server *server; /* borrowed */
	struct ev_loop *ev;
	pthread_t thread;
	bool started;
	ev_async wake;
	_Atomic(struct job *) inbox; /* last in first; see loop_post() */
	struct pool pool;
	struct conn_list conns;
	struct conn_list handshakes; /* the oldest first */
	unsigned nhandshakes;
	uint64_t shake_end; /* of their time in this round; 0: not begun */
	struct conn_list runnable; /* have work without waiting for a socket */
	uint64_t round; /* CLOCK_MONOTONIC's ns when its work began; 0: none */
	struct conn_list replied; /* whose replies of the round are not timed */
	struct stats_loop *counters; /* borrowed */
	ev_prepare prepare; /* runs them, and keeps the poll from sleeping */
	ev_idle busy;
	bool stopping;
	bool worked;        /* in this round */
	struct spin spin;
	struct job kick, stop, kill; /* messages to it: */
	atomic_bool kicking;
	atomic_uint load; /* connections, and those on their way here */
	unsigned char input[LOOP_INPUT];
};

/* spin is the key "spin": microseconds. */
struct loop *loop_new(struct server *server, struct budget *budget,
    uint64_t spin, struct diag *d);
void loop_free(struct loop *l); /* NULL is allowed */

/*
 * There is work: the round's time begins, if it has not.  Once a round, since
 * it costs a look at the clock.
 */
static inline void
loop_works(struct loop *l)
{
	if (l->round == 0)
		l->round = clock_now(CLOCK_MONOTONIC);
}

/* Run the job on the loop's thread.  Any thread; never fails. */
void loop_post(struct loop *l, struct job *job);

/*
 * Run until it was told to stop and has no connection left.  loop_start()
 * does so in a thread of its own.
 */
void loop_run(struct loop *l);
int loop_start(struct loop *l, struct diag *d);
void loop_join(struct loop *l);

/*
 * Any thread: end the connections of kicked generations; end when the last
 * connection has gone; end now.
 */
void loop_kick(struct loop *l);
void loop_stop(struct loop *l);
void loop_kill(struct loop *l);

#endif
