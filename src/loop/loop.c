/* loop: the inbox, the list of runnable connections, start and end. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/conn.h"
#include "loop/loop.h"

/*
 * The inbox is a stack that many push to and the loop takes as a whole; only
 * who finds it empty pays for a wake-up.
 */
void
loop_post(struct loop *l, struct job *job)
{
	struct job *head = atomic_load_explicit(&l->inbox,
	    memory_order_relaxed);

	do {
		job->next = head;
	} while (!atomic_compare_exchange_weak_explicit(&l->inbox, &head, job,
	    memory_order_release, memory_order_relaxed));
	if (head == NULL)
		ev_async_send(l->ev, &l->wake);
}

static void
run_inbox(struct loop *l)
{
	struct job *job, *next, *list = NULL;

	loop_works(l);
	job = atomic_exchange_explicit(&l->inbox, NULL, memory_order_acquire);
	for (; job != NULL; job = next) { /* oldest first again */
		next = job->next;
		job->next = list;
		list = job;
	}
	for (job = list; job != NULL; job = next) {
		next = job->next;
		job->run(job);
	}
}

static void
on_wake(struct ev_loop *ev, ev_async *w, int revents)
{
	(void)ev;
	(void)revents;
	run_inbox(w->data);
}

/*
 * What was asked and answered in this round took as long as the round: its
 * replies have been sent, or wait for the sockets.
 */
static void
end_round(struct loop *l, uint64_t now)
{
	uint64_t ns = now - l->round;
	struct conn *c;

	if (l->round == 0)
		return;
	while ((c = TAILQ_FIRST(&l->replied)) != NULL) {
		TAILQ_REMOVE(&l->replied, c, replied_link);
		c->replied = false;
		session_took(c->session, ns);
	}
	stats_round(l->counters, now, ns);
	l->round = 0;
}

/* Each runnable connection has one turn per round of the loop. */
static void
on_prepare(struct ev_loop *ev, ev_prepare *w, int revents)
{
	struct loop *l = w->data;
	struct conn_list turn = TAILQ_HEAD_INITIALIZER(turn);
	struct conn *c;
	uint64_t now = 0;

	(void)revents;
	l->shake_end = 0;
	TAILQ_CONCAT(&turn, &l->runnable, run_link);
	while ((c = TAILQ_FIRST(&turn)) != NULL) {
		TAILQ_REMOVE(&turn, c, run_link);
		c->runnable = false;
		l->worked = true;
		conn_run(c);
	}
	if (l->round != 0 || l->spin.time != 0)
		now = clock_now(CLOCK_MONOTONIC);
	end_round(l, now);
	if (!spin_on(&l->spin, l->worked, now) && TAILQ_EMPTY(&l->runnable))
		ev_idle_stop(ev, &l->busy);
	else
		ev_idle_start(ev, &l->busy);
	l->worked = false;
	if (l->stopping && TAILQ_EMPTY(&l->conns) &&
	    server_may_end(l->server, l))
		ev_break(ev, EVBREAK_ALL);
}

static void
on_idle(struct ev_loop *ev, ev_idle *w, int revents)
{
	(void)ev;
	(void)w;
	(void)revents; /* its being active is what matters */
}

struct loop *
loop_new(struct server *server, struct budget *budget, uint64_t spin,
    struct diag *d)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		diag_errno(d, "cannot make a loop");
		return NULL;
	}
	l->server = server;
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		l->spin.time = spin * 1000;
	TAILQ_INIT(&l->conns);
	TAILQ_INIT(&l->handshakes);
	TAILQ_INIT(&l->runnable);
	TAILQ_INIT(&l->replied);
	pool_init(&l->pool, budget);
	l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (l->ev == NULL) {
		diag_errno(d, "cannot make an event loop");
		loop_free(l);
		return NULL;
	}
	ev_async_init(&l->wake, on_wake);
	ev_prepare_init(&l->prepare, on_prepare);
	ev_idle_init(&l->busy, on_idle);
	l->wake.data = l->prepare.data = l->busy.data = l;
	ev_async_start(l->ev, &l->wake);
	ev_prepare_start(l->ev, &l->prepare);
	return l;
}

static void
abort_all(struct loop *l)
{
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &l->conns, link, next)
		conn_abort(c, "server ended before the last reply");
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	if (l->ev != NULL) {
		run_inbox(l); /* what came after its end */
		abort_all(l);
		ev_loop_destroy(l->ev);
	}
	pool_free(&l->pool);
	free(l);
}

void
loop_run(struct loop *l)
{
	ev_run(l->ev, 0);
}

static void *
thread(void *arg)
{
	struct loop *l = arg;

	loop_run(l);
	server_loop_ended(l->server);
	return NULL;
}

int
loop_start(struct loop *l, struct diag *d)
{
	int error = pthread_create(&l->thread, NULL, thread, l);

	if (error != 0)
		return diag_set(d, "cannot start a thread: error %d", error);
	l->started = true;
	return 0;
}

void
loop_join(struct loop *l)
{
	if (l->started)
		pthread_join(l->thread, NULL);
	l->started = false;
}

static void
on_kick(struct job *job)
{
	struct loop *l = CONTAINER(job, struct loop, kick);
	const struct generation *g;
	struct conn *c, *next;

	atomic_store(&l->kicking, false);
	TAILQ_FOREACH_SAFE(c, &l->conns, link, next) {
		g = session_generation(c->session);
		if (g != NULL && atomic_load(&g->kicked))
			conn_kick(c, "kicked");
	}
}

/* A kick that is still in the inbox does for this one as well. */
void
loop_kick(struct loop *l)
{
	if (atomic_exchange(&l->kicking, true))
		return;
	l->kick.run = on_kick;
	loop_post(l, &l->kick);
}

static void
on_stop(struct job *job)
{
	struct loop *l = CONTAINER(job, struct loop, stop);
	struct conn *c, *next;

	l->stopping = true;
	TAILQ_FOREACH_SAFE(c, &l->conns, link, next)
		conn_shutdown(c, "server is shutting down");
}

void
loop_stop(struct loop *l)
{
	l->stop.run = on_stop;
	loop_post(l, &l->stop);
}

static void
on_kill(struct job *job)
{
	struct loop *l = CONTAINER(job, struct loop, kill);

	abort_all(l);
	ev_break(l->ev, EVBREAK_ALL);
}

void
loop_kill(struct loop *l)
{
	l->kill.run = on_kill;
	loop_post(l, &l->kill);
}
