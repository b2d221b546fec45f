/*
 * host: the session's questions.  What may block goes to a worker as a job;
 * its answer comes back through the loop's inbox.
 */
#include "base/clock.h"
#include "loop/acquire.h"
#include "loop/chronicle.h"
#include "loop/conn.h"
#include "loop/connlog.h"
#include "loop/handshakes.h"
#include "loop/host.h"
#include "loop/refusals.h"
#include "loop/server.h"
#include "loop/workers.h"

static void
host_acquire(void *arg, const char *name, size_t len, bool join)
{
	acquire_begin(arg, name, len, join);
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

	c->logged = refusals_entry(c->loop->server->refusals);
	connlog_begin(&c->peer, g, c->logged ? LEVEL_INFO : LEVEL_DEBUG);
	chronicle_connected(c->loop->server->recorder, c, g);
	handshakes_remove(c);
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
