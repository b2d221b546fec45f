/*
 * delay: a backend around another that answers late and from a thread of its
 * own, so that tests meet every order in which things can end.
 */
#include <bsd/sys/queue.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "export/backend.h"

struct waiting {
	STAILQ_ENTRY(waiting) link;
	struct io *io;
	struct timespec due;
};

struct delay {
	struct backend backend; /* first */
	struct backend *inner;
	unsigned delay_us;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock, in the order of their due times: */
	STAILQ_HEAD(, waiting) queue;
	bool stop;
	bool orphan; /* freed from its own thread, which then cleans up */
};

static void
destroy(struct delay *dl)
{
	pthread_cond_destroy(&dl->changed);
	pthread_mutex_destroy(&dl->lock);
	backend_free(dl->inner);
	free(dl);
}

/* The next request when it is due; NULL: told to stop, and none is left. */
static struct waiting *
next(struct delay *dl)
{
	struct waiting *w;

	pthread_mutex_lock(&dl->lock);
	while ((w = STAILQ_FIRST(&dl->queue)) == NULL && !dl->stop)
		pthread_cond_wait(&dl->changed, &dl->lock);
	if (w != NULL) {
		while (pthread_cond_timedwait(&dl->changed, &dl->lock,
		    &w->due) != ETIMEDOUT)
			;
		STAILQ_REMOVE_HEAD(&dl->queue, link);
	}
	pthread_mutex_unlock(&dl->lock);
	return w;
}

static void *
run(void *arg)
{
	struct delay *dl = arg;
	struct waiting *w;
	struct io *io;
	bool orphan;

	while ((w = next(dl)) != NULL) {
		io = w->io;
		free(w);
		if (backend_work(dl->inner, io) == IO_DONE)
			io->done(io);
	}
	pthread_mutex_lock(&dl->lock);
	orphan = dl->orphan;
	pthread_mutex_unlock(&dl->lock);
	if (orphan)
		destroy(dl);
	return NULL;
}

static enum io_verdict
submit(struct backend *b, struct io *io)
{
	(void)b;
	(void)io;
	return IO_BLOCK;
}

static enum io_verdict
work(struct backend *b, struct io *io)
{
	struct delay *dl = (struct delay *)b;
	struct waiting *w = calloc(1, sizeof *w);

	if (w == NULL) {
		io->error = ENOMEM;
		return IO_DONE;
	}
	w->io = io;
	pthread_mutex_lock(&dl->lock);
	w->due = clock_after(dl->delay_us * (CLOCK_MS / 1000));
	STAILQ_INSERT_TAIL(&dl->queue, w, link);
	pthread_cond_signal(&dl->changed);
	pthread_mutex_unlock(&dl->lock);
	return IO_LATER;
}

/* What is still queued is answered first. */
static void
delay_free(struct backend *b)
{
	struct delay *dl = (struct delay *)b;
	pthread_t thread = dl->thread;
	bool own = pthread_equal(thread, pthread_self());

	pthread_mutex_lock(&dl->lock);
	dl->stop = true;
	dl->orphan = own;
	pthread_cond_signal(&dl->changed);
	pthread_mutex_unlock(&dl->lock);
	if (own) {
		pthread_detach(thread);
		return;
	}
	pthread_join(thread, NULL);
	destroy(dl);
}

static bool
sparse(struct backend *b)
{
	return backend_sparse(((struct delay *)b)->inner);
}

static const struct backend_ops delay_ops = {
	.name = "delay",
	.submit = submit,
	.work = work,
	.free = delay_free,
	.sparse = sparse,
};

static void
init(struct delay *dl, struct backend *inner, unsigned delay_us)
{
	pthread_condattr_t attr;

	dl->backend.ops = &delay_ops;
	dl->backend.size = inner->size;
	dl->backend.caps = inner->caps;
	dl->backend.block_min = inner->block_min;
	dl->backend.block_preferred = inner->block_preferred;
	dl->inner = inner;
	dl->delay_us = delay_us;
	STAILQ_INIT(&dl->queue);
	pthread_mutex_init(&dl->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&dl->changed, &attr);
	pthread_condattr_destroy(&attr);
}

struct backend *
delay_backend(struct backend *inner, unsigned delay_us, struct diag *d)
{
	struct delay *dl = calloc(1, sizeof *dl);

	if (dl == NULL) {
		diag_errno(d, "cannot make a delayed backend");
		return NULL;
	}
	init(dl, inner, delay_us);
	errno = pthread_create(&dl->thread, NULL, run, dl);
	if (errno != 0) {
		diag_errno(d, "cannot start a delayed backend's thread");
		dl->inner = NULL; /* still the caller's */
		destroy(dl);
		return NULL;
	}
	return &dl->backend;
}
