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

#define READ_TOGETHER 32768u /* bytes */
#define READ_PATIENCE (2 * CLOCK_MS)

static void
host_acquire(void *arg, const char *name, size_t len, bool join)
{
	acquire_begin(arg, name, len, join);
}

/* Jobs that came to one worker together, the first backend's and the rest. */
static struct job *
split(struct job *list)
{
	const struct backend *b = CONTAINER(list, struct io, job)->backend;
	struct job *rest;

	while (list->next != NULL &&
	    CONTAINER(list->next, struct io, job)->backend == b)
		list = list->next;
	rest = list->next;
	list->next = NULL;
	return rest;
}

static void
io_work(struct job *list)
{
	struct job *rest;

	for (; list != NULL; list = rest) {
		rest = split(list);
		backend_work_list(CONTAINER(list, struct io, job)->backend,
		    list);
	}
}

static void
add_work(struct io *io, enum work kind, void (*run)(struct job *))
{
	struct conn *c = session_io_arg(io);

	io->job.run = run;
	workers_add(c->loop->server->workers, &io->job,
	    (uintptr_t)io->backend, kind);
}

/*
 * Small reads come to one worker together because the disk has been asked for
 * all of them.  When one has to wait for long that was not so, or the disk is
 * slow: the others get workers of their own.
 */
static void
read_work(struct job *list)
{
	uint64_t patience = clock_now(CLOCK_MONOTONIC) + READ_PATIENCE;
	struct job *job;

	while ((job = list) != NULL && clock_now(CLOCK_MONOTONIC) < patience) {
		list = job->next;
		job->next = NULL;
		io_work(job);
	}
	while ((job = list) != NULL) {
		list = job->next;
		add_work(CONTAINER(job, struct io, job), WORK_ALONE, io_work);
	}
}

/*
 * Long reads gain from waiting side by side, and nothing from company.  Syncs
 * come one after the other, since only one of two at a time is told what was
 * lost.
 */
static enum work
kind_of(const struct io *io)
{
	switch (io->op) {
	case IO_READ:
		return io->length <= READ_TOGETHER ? WORK_READS : WORK_ALONE;
	case IO_WRITE:
		return io->flags & IO_FUA ? WORK_SYNCS : WORK_WRITES;
	case IO_FLUSH:
		return WORK_SYNCS;
	default:
		return io->flags & IO_FUA ? WORK_SYNCS : WORK_ALONE;
	}
}

static void
host_work(void *arg, struct backend *b, struct io *io)
{
	enum work kind = kind_of(io);

	(void)arg; /* the io's owner knows */
	io->backend = b;
	add_work(io, kind, kind == WORK_READS ? read_work : io_work);
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
