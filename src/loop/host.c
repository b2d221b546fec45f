/*
 * host: the session's questions.  What may block goes to a worker as a job;
 * its answer comes back through the loop's inbox.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "loop/conn.h"
#include "loop/connlog.h"
#include "loop/host.h"
#include "loop/server.h"
#include "loop/workers.h"

/* A negotiation on its way to a worker and back. */
struct acquire {
	struct job job;
	struct conn *conn;
	bool join;
	enum refusal refusal;
	struct generation *generation;
	struct diag why;
	size_t len;
	char name[];
};

static void
acquired(struct job *job)
{
	struct acquire *a = CONTAINER(job, struct acquire, job);
	struct conn *c = a->conn;

	if (a->refusal != REFUSE_NOT)
		conn_refused(c, a->name, a->len, a->why.text);
	session_acquired(c->session, a->refusal, a->generation, a->why.text);
	free(a);
	conn_run(c);
}

static void
acquire_work(struct job *job)
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
host_acquire(void *arg, const char *name, size_t len, bool join)
{
	struct conn *c = arg;
	struct acquire *a = calloc(1, sizeof(*a) + len + 1);

	if (a == NULL) {
		session_acquired(c->session, REFUSE_FAILED, NULL,
		    "out of memory, try again");
		return;
	}
	a->conn = c;
	a->join = join;
	a->len = len;
	memcpy(a->name, name, len);
	a->job.run = acquire_work;
	workers_add(c->loop->server->workers, &a->job, hash(name, len));
}

static void
io_work(struct job *job)
{
	struct io *io = CONTAINER(job, struct io, job);

	if (backend_work(io->backend, io) == IO_DONE)
		io->done(io);
}

static void
host_work(void *arg, struct backend *b, struct io *io)
{
	struct conn *c = arg;

	io->backend = b;
	io->job.run = io_work;
	workers_add(c->loop->server->workers, &io->job, (uintptr_t)b);
}

static void
io_done(struct job *job)
{
	struct io *io = CONTAINER(job, struct io, job);
	struct conn *c = session_io_arg(io);

	session_complete(io);
	conn_runnable(c);
}

static void
host_done(struct io *io)
{
	struct conn *c = session_io_arg(io);

	io->job.run = io_done;
	loop_post(c->loop, &io->job);
}

static struct catalog *
host_catalog(void *arg)
{
	struct conn *c = arg;

	return registry_catalog(c->loop->server->registry);
}

static struct stats_counters *
host_entered(void *arg, struct generation *g)
{
	struct conn *c = arg;
	struct stats *stats = c->loop->server->stats;

	connlog_begin(&c->peer, g);
	c->logged = true;
	c->stats_slot = stats_conn_open(stats, g->stats_slot,
	    &(struct stats_client) {
		.name = g->name,
		.generation = g->number,
		.address = c->peer.text,
		.tls = c->peer.secure,
		.identity = c->proof != NULL ? c->proof->text : NULL,
		.started = clock_now(CLOCK_REALTIME),
	});
	if (c->stats_slot == STATS_NOWHERE)
		return NULL;
	return stats_conn_counters(stats, c->stats_slot);
}

const struct session_host conn_host = {
	.acquire = host_acquire,
	.work = host_work,
	.done = host_done,
	.catalog = host_catalog,
	.entered = host_entered,
};
