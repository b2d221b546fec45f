/*
 * workers: lanes of jobs, a condition, threads on demand.  A lane whose file
 * system hangs has its share of the threads and no more.
 */
#include <bsd/sys/queue.h>

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/workers.h"

#define LANES 256

/* The jobs of one key, or of some whose hashes fall together. */
struct lane {
	TAILQ_ENTRY(lane) link;
	bool ready; /* is in the list of those: a worker may take a job */
	struct job *head, **tail;
	unsigned running;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t work; /* a lane is ready, or stopping */
	pthread_cond_t gone; /* a thread has ended */
	struct lane lanes[LANES];
	TAILQ_HEAD(, lane) ready; /* served in turns */
	unsigned share; /* most threads that one lane may have */
	unsigned max, threads, idle, queued;
	bool stopping;
	struct stats_daemon *gauges; /* NULL: nobody wants to know */
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
	TAILQ_INIT(&w->ready);
	for (unsigned i = 0; i < LANES; i++)
		w->lanes[i].tail = &w->lanes[i].head;
	w->max = max;
	w->share = max - max / 4;
	return w;
}

/* Locked. */
static void
tell(const struct workers *w)
{
	if (w->gauges == NULL)
		return;
	atomic_store_explicit(&w->gauges->workers_busy, w->threads - w->idle,
	    memory_order_relaxed);
	atomic_store_explicit(&w->gauges->workers_queued, w->queued,
	    memory_order_relaxed);
}

void
workers_watch(struct workers *w, struct stats_daemon *gauges)
{
	w->gauges = gauges;
	atomic_store(&gauges->workers, w->max);
}

/* Locked.  At the end of the line, if it has a job and its share allows it. */
static void
line_up(struct workers *w, struct lane *l)
{
	if (l->ready || l->head == NULL || l->running >= w->share)
		return;
	l->ready = true;
	TAILQ_INSERT_TAIL(&w->ready, l, link);
	pthread_cond_signal(&w->work);
}

static struct job *
pop(struct lane *l)
{
	struct job *job = l->head;

	l->head = job->next;
	if (l->head == NULL)
		l->tail = &l->head;
	return job;
}

/* The next job and its lane; NULL when stopping and none is left.  Locked. */
static struct job *
take(struct workers *w, struct lane **lane)
{
	struct lane *l;

	w->idle++;
	tell(w);
	while ((l = TAILQ_FIRST(&w->ready)) == NULL &&
	    !(w->stopping && w->queued == 0))
		pthread_cond_wait(&w->work, &w->lock);
	w->idle--;
	*lane = l;
	if (l == NULL)
		return NULL;
	TAILQ_REMOVE(&w->ready, l, link);
	l->ready = false;
	l->running++;
	if (--w->queued == 0 && w->stopping)
		pthread_cond_broadcast(&w->work);
	tell(w);
	return pop(l);
}

static void *
worker(void *arg)
{
	struct workers *w = arg;
	struct lane *lane;
	struct job *job;

	pthread_mutex_lock(&w->lock);
	while ((job = take(w, &lane)) != NULL) {
		line_up(w, lane);
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		pthread_mutex_lock(&w->lock);
		lane->running--;
		line_up(w, lane);
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

/* Keys are pointers and names' hashes: the middle bits differ the most. */
static struct lane *
lane_of(struct workers *w, uint64_t key)
{
	return &w->lanes[key * UINT64_C(0x9e3779b97f4a7c15) >> 56];
}

void
workers_add(struct workers *w, struct job *job, uint64_t key)
{
	struct lane *l = lane_of(w, key);

	pthread_mutex_lock(&w->lock);
	job->next = NULL;
	*l->tail = job;
	l->tail = &job->next;
	w->queued++;
	if (w->queued > w->idle && w->threads < w->max)
		start_one(w);
	tell(w);
	line_up(w, l);
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
