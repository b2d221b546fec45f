/* workers: a queue of jobs, a condition, threads on demand. */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/workers.h"

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t work; /* a job was queued, or stopping */
	pthread_cond_t gone; /* a thread has ended */
	struct job *head, **tail;
	unsigned max, threads, idle, queued;
	bool stopping;
};

struct workers *
workers_new(unsigned max, struct diag *d)
{
	struct workers *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (w == NULL) {
		diag_errno(d, "cannot make the workers");
		return NULL;
	}
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->gone, &attr);
	pthread_condattr_destroy(&attr);
	w->tail = &w->head;
	w->max = max;
	return w;
}

/* The next job; NULL when stopping and none is left.  Locked. */
static struct job *
take(struct workers *w)
{
	struct job *job;

	w->idle++;
	while (w->head == NULL && !w->stopping)
		pthread_cond_wait(&w->work, &w->lock);
	w->idle--;
	job = w->head;
	if (job == NULL)
		return NULL;
	w->queued--;
	w->head = job->next;
	if (w->head == NULL)
		w->tail = &w->head;
	return job;
}

static void *
worker(void *arg)
{
	struct workers *w = arg;
	struct job *job;

	pthread_mutex_lock(&w->lock);
	while ((job = take(w)) != NULL) {
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		pthread_mutex_lock(&w->lock);
	}
	w->threads--;
	pthread_cond_signal(&w->gone);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Locked.  A thread that cannot be had is no harm while there is another. */
static void
start_one(struct workers *w)
{
	pthread_t t;

	if (pthread_create(&t, NULL, worker, w) != 0) {
		if (w->threads == 0)
			log_error("worker", "no thread could be started, "
			    "requests wait for one");
		return;
	}
	pthread_detach(t);
	w->threads++;
}

void
workers_add(struct workers *w, struct job *job)
{
	pthread_mutex_lock(&w->lock);
	job->next = NULL;
	*w->tail = job;
	w->tail = &job->next;
	w->queued++;
	if (w->queued > w->idle && w->threads < w->max)
		start_one(w);
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
}

bool
workers_stop(struct workers *w, unsigned ms)
{
	struct timespec until = clock_after(ms * CLOCK_MS);
	bool stopped;

	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->work);
	while (w->threads > 0 &&
	    pthread_cond_timedwait(&w->gone, &w->lock, &until) == 0)
		continue;
	stopped = w->threads == 0;
	pthread_mutex_unlock(&w->lock);
	return stopped;
}

void
workers_free(struct workers *w)
{
	if (w == NULL)
		return;
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->gone);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
