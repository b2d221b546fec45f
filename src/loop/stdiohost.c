/*
 * stdiohost: the session's questions on stdio.  All is done by the one thread,
 * in the order of arrival: that a disk may be waited for disturbs nobody.
 */
#include "loop/connlog.h"
#include "loop/refusals.h"
#include "loop/stdiopriv.h"

static void
host_acquire(void *arg, const char *name, size_t len, bool join)
{
	struct stdio *h = arg;
	struct generation *g = NULL;
	struct diag why = { "" };
	enum refusal refusal = registry_acquire(h->registry, name, len,
	    &h->peer, join, &g, &why);

	if (refusal != REFUSE_NOT)
		refusals_log(h->refusals, REFUSED_EXPORT, &h->peer, name, len,
		    why.text);
	session_acquired(h->session, refusal, g, why.text);
}

/* Not at once: the session is in the middle of something. */
static void
host_work(void *arg, struct backend *b, struct io *io)
{
	struct stdio *h = arg;

	io->backend = b;
	io->job.next = NULL;
	*h->work_tail = &io->job;
	h->work_tail = &io->job.next;
}

bool
stdio_work(struct stdio *h)
{
	struct job *job;
	struct io *io;
	bool any = h->work != NULL;

	while ((job = h->work) != NULL) {
		h->work = job->next;
		if (h->work == NULL)
			h->work_tail = &h->work;
		io = CONTAINER(job, struct io, job);
		/* The backends of images answer here, none of them later. */
		if (backend_work(io->backend, io) == IO_DONE)
			session_complete(io);
	}
	return any;
}

static void
host_done(struct io *io)
{
	session_complete(io);
}

static struct catalog *
host_catalog(void *arg)
{
	struct stdio *h = arg;

	return registry_catalog(h->registry);
}

static struct stats_counters *
host_entered(void *arg, struct generation *g)
{
	struct stdio *h = arg;

	connlog_begin(&h->peer, g, LEVEL_INFO);
	h->entered = true;
	return &h->counters;
}

const struct session_host stdio_host = {
	.acquire = host_acquire,
	.work = host_work,
	.done = host_done,
	.catalog = host_catalog,
	.entered = host_entered,
};
