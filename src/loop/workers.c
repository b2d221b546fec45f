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

/*
 * How jobs of one key and kind share workers; see enum work.  A file takes one
 * write at a time, so that a second worker would only wait for the first: with
 * one, 4 KiB at depth 32 on ext4 are 239k writes per second at 3.4 us of CPU,
 * and not 124k at 7.1.  Eight reads each, which the loop's attempt has already
 * put on their way from the disk: 17 to 20 us for a cold one and not 22 to 30;
 * sixteen save no more, and wait longer for a slow one among them.  (Two CPUs
 * in a virtual machine, 2026.)
 */
static const struct {
	unsigned most;  /* workers at a time; 0: the key's share */
	unsigned batch; /* jobs for one worker at a time */
} works[WORKS] = {
	[WORK_ALONE] = { 0, 1 },
	[WORK_READS] = { 0, 8 },
	[WORK_WRITES] = { 1, 64 },
	[WORK_SYNCS] = { 1, 256 },
};

struct lane;

/* The jobs of one lane and kind. */
struct queue {
	TAILQ_ENTRY(queue) link;
	struct lane *lane; /* set once there was a job */
	bool ready; /* is in the list of those: a worker may take jobs */
	struct job *head, **tail;
	unsigned running; /* workers */
};

/* Those of one key, or of some whose hashes fall together. */
struct lane {
	struct queue queues[WORKS];
	unsigned running;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t work; /* a queue is ready, or stopping */
	pthread_cond_t gone; /* a thread has ended */
	struct lane lanes[LANES];
	TAILQ_HEAD(, queue) ready; /* served in turns */
	unsigned share; /* most threads that one lane may have */
	unsigned max, threads, idle, queued;
	bool waking; /* a thread is on its way to look at what is ready */
	bool stopping;
	struct stats_daemon *gauges; /* NULL: nobody wants to know */
};

static void *worker(void *arg);

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

/* Locked.  At the end of the line, if it has a job and may have a worker. */
static void
line_up(struct workers *w, struct queue *q)
{
	unsigned most = works[q - q->lane->queues].most;

	if (q->ready || q->head == NULL || q->lane->running >= w->share ||
	    (most > 0 && q->running >= most))
		return;
	q->ready = true;
	TAILQ_INSERT_TAIL(&w->ready, q, link);
}

/* Locked.  A thread that cannot be had is no harm while there is another. */
static bool
start_one(struct workers *w)
{
	pthread_t t;

	if (pthread_create(&t, NULL, worker, w) != 0) {
		if (w->threads == 0)
			log_error("worker", "no thread could be started, "
			    "requests wait for one");
		return false;
	}
	pthread_detach(t);
	w->threads++;
	return true;
}

/*
 * Locked.  One thread at a time is woken, or started, for what is ready; when
 * it has taken its part and something is left it wakes the next.  So a worker
 * that is awake gets what comes while another would still be waking up, and
 * who adds wakes nobody most of the time.  True: the condition is to be
 * signalled, best without the lock, that the other one will want.
 */
static bool
wake_one(struct workers *w)
{
	if (w->waking || TAILQ_EMPTY(&w->ready))
		return false;
	w->waking = w->idle > 0 || (w->threads < w->max && start_one(w));
	return w->waking && w->idle > 0;
}

/* Locked.  The lane has its share: none of its queues may have another. */
static void
stand_back(struct workers *w, struct lane *l)
{
	for (unsigned i = 0; i < WORKS; i++)
		if (l->queues[i].ready) {
			l->queues[i].ready = false;
			TAILQ_REMOVE(&w->ready, &l->queues[i], link);
		}
}

/* The next queue's first jobs, up to its batch, as a list of their own. */
static struct job *
cut(struct workers *w, struct queue *q)
{
	unsigned n = works[q - q->lane->queues].batch;
	struct job *list = q->head, **end = &q->head;

	for (; n > 0 && *end != NULL; n--, w->queued--)
		end = &(*end)->next;
	q->head = *end;
	*end = NULL;
	return list;
}

/* What to do next, of which queue; NULL when stopping and nothing is left. */
static struct job *
take(struct workers *w, struct queue **from)
{
	struct queue *q;
	struct job *list;

	w->waking = false;
	while ((q = TAILQ_FIRST(&w->ready)) == NULL &&
	    !(w->stopping && w->queued == 0)) {
		w->idle++;
		tell(w);
		pthread_cond_wait(&w->work, &w->lock);
		w->idle--;
		w->waking = false;
	}
	if ((*from = q) == NULL)
		return NULL;
	TAILQ_REMOVE(&w->ready, q, link);
	q->ready = false;
	q->running++;
	if (++q->lane->running >= w->share)
		stand_back(w, q->lane);
	list = cut(w, q);
	tell(w);
	if (w->queued == 0 && w->stopping)
		pthread_cond_broadcast(&w->work);
	line_up(w, q);
	return list;
}

/* Locked.  The lane's kinds take turns, too: this one has had its. */
static void
finished(struct workers *w, struct queue *q)
{
	struct queue *queues = q->lane->queues, *next;

	q->running--;
	q->lane->running--;
	for (unsigned i = 1; i <= WORKS; i++) {
		next = &queues[(q - queues + i) % WORKS];
		if (next->head != NULL)
			line_up(w, next);
	}
}

static void *
worker(void *arg)
{
	struct workers *w = arg;
	struct queue *q;
	struct job *list;
	bool wake;

	pthread_mutex_lock(&w->lock);
	while ((list = take(w, &q)) != NULL) {
		wake = wake_one(w);
		pthread_mutex_unlock(&w->lock);
		if (wake)
			pthread_cond_signal(&w->work);
		list->run(list);
		pthread_mutex_lock(&w->lock);
		finished(w, q);
	}
	w->threads--;
	pthread_cond_signal(&w->gone);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Keys are pointers and names' hashes: the middle bits differ the most. */
static struct lane *
lane_of(struct workers *w, uint64_t key)
{
	return &w->lanes[key * UINT64_C(0x9e3779b97f4a7c15) >> 56];
}

void
workers_add(struct workers *w, struct job *job, uint64_t key, enum work kind)
{
	struct lane *l = lane_of(w, key);
	struct queue *q = &l->queues[kind];
	bool wake;

	pthread_mutex_lock(&w->lock);
	job->next = NULL;
	if (q->head == NULL)
		q->tail = &q->head;
	*q->tail = job;
	q->tail = &job->next;
	q->lane = l;
	w->queued++;
	line_up(w, q);
	wake = wake_one(w);
	tell(w);
	pthread_mutex_unlock(&w->lock);
	if (wake)
		pthread_cond_signal(&w->work);
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
