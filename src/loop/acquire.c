/*
 * acquire: the registry is asked at once for what it can tell without looking
 * at a disk or a network, and a worker for the rest.  Waking a worker, and the
 * loop again, is the larger half of what a client costs: 45 us of CPU time
 * from connect to disconnect with it, 26 us without (t/bench/nbdcrowd churn,
 * two busy CPUs in a virtual machine, 2026).
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "loop/acquire.h"
#include "loop/challenge.h"
#include "loop/conn.h"
#include "loop/server.h"
#include "loop/workers.h"

#define WAIT_MAX 5.0   /* seconds: a dead holder is found in less */
#define WAIT_TICK 0.05 /* seconds */

struct acquire {
	struct job job;
	struct conn *conn;
	bool join;
	enum refusal refusal;
	struct generation *generation;
	struct diag why;
	ev_timer timer;
	uint64_t since; /* it was first refused as busy; 0: it was not */
	size_t len;
	char name[];
};

static void
answer(struct acquire *a)
{
	struct conn *c = a->conn;

	if (a->refusal != REFUSE_NOT)
		conn_refused(c, a->name, a->len, a->why.text);
	session_acquired(c->session, a->refusal, a->generation, a->why.text);
	free(a);
	conn_run(c);
}

static void acquired(struct job *job);

static void
work(struct job *job)
{
	struct acquire *a = CONTAINER(job, struct acquire, job);
	struct loop *l = a->conn->loop;

	a->refusal = registry_acquire(l->server->registry, a->name, a->len,
	    &a->conn->peer, a->join, &a->generation, &a->why);
	a->job.run = acquired;
	loop_post(l, &a->job);
}

/* FNV-1a: all that matters is that names differ. */
static uint64_t
hash(const char *name, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void
ask(struct acquire *a)
{
	a->job.run = work;
	workers_add(a->conn->loop->server->workers, &a->job,
	    hash(a->name, a->len), WORK_ALONE);
}

/* How long it may wait: well inside the handshake's time. */
static uint64_t
patience(const struct conn *c)
{
	double half = (double)c->settings->config.handshake_timeout / 2;

	return (uint64_t)((half < WAIT_MAX ? half : WAIT_MAX) *
	    (double)CLOCK_SECOND);
}

/* Is there still hope that the holder is dead?  It may have died since it
 * answered to an earlier newcomer. */
static bool
hopes(const struct acquire *a, uint64_t answered)
{
	return clock_now(CLOCK_MONOTONIC) - a->since < patience(a->conn) &&
	    answered < a->since;
}

static void
on_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct acquire *a = w->data;
	uint64_t answered;
	bool busy = registry_busy(a->conn->loop->server->registry, a->name,
	    a->len, &answered);

	(void)revents;
	if (busy && !a->conn->stopping && hopes(a, answered))
		return;
	ev_timer_stop(ev, w);
	a->conn->waiting = NULL;
	if (busy || a->conn->stopping)
		answer(a);
	else
		ask(a);
}

/* The export is busy: have its holder looked at, and wait for the outcome. */
static bool
waits(struct acquire *a)
{
	struct conn *c = a->conn;
	uint64_t answered;
	bool first = a->since == 0;

	if (first)
		a->since = clock_now(CLOCK_MONOTONIC);
	registry_busy(c->loop->server->registry, a->name, a->len, &answered);
	if (c->state != CONN_OPEN || c->stopping || !hopes(a, answered))
		return false;
	if (first)
		challenge_clients(c->loop->server, a->name);
	ev_timer_init(&a->timer, on_tick, WAIT_TICK, WAIT_TICK);
	a->timer.data = a;
	ev_timer_start(c->loop->ev, &a->timer);
	c->waiting = a;
	return true;
}

static void
acquired(struct job *job)
{
	struct acquire *a = CONTAINER(job, struct acquire, job);

	if (a->refusal != REFUSE_BUSY || !waits(a))
		answer(a);
}

static bool
told(struct conn *c, const char *name, size_t len, bool join)
{
	struct generation *g;
	enum refusal refusal;
	struct diag why;

	why.text[0] = '\0';
	if (!registry_acquire_now(c->loop->server->registry, name, len,
	    &c->peer, join, &refusal, &g, &why))
		return false;
	if (refusal != REFUSE_NOT)
		conn_refused(c, name, len, why.text);
	session_acquired(c->session, refusal, g, why.text);
	return true;
}

void
acquire_begin(struct conn *c, const char *name, size_t len, bool join)
{
	struct acquire *a;

	if (told(c, name, len, join))
		return;
	a = calloc(1, sizeof(*a) + len + 1);
	if (a == NULL) {
		session_acquired(c->session, REFUSE_FAILED, NULL,
		    "out of memory, try again");
		return;
	}
	a->conn = c;
	a->join = join;
	a->len = len;
	memcpy(a->name, name, len);
	ask(a);
}

void
acquire_forget(struct conn *c)
{
	struct acquire *a = c->waiting;

	if (a == NULL)
		return;
	c->waiting = NULL;
	ev_timer_stop(c->loop->ev, &a->timer);
	session_acquired(c->session, a->refusal, NULL, a->why.text);
	free(a);
}
