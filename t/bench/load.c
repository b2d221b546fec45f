/* load: one epoll loop per thread, and a clock beside them. */
#include <sys/epoll.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "t/bench/after.h"
#include "t/bench/load.h"
#include "t/bench/snap.h"

#define EVENTS 64

struct worker {
	pthread_t thread;
	bool started;
	struct flow *flows; /* all of them; this thread's are every step-th */
	unsigned first, step, conns;
	int epoll;
	struct meter meter;
	sem_t *done; /* borrowed */
	bool failed;
	struct diag diag;
};

/* Interest in writing lasts only while the socket's buffer is full. */
static int
watch(struct worker *w, struct flow *f, int op)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = f};

	if (f->blocked)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(w->epoll, op, f->client.fd, &ev) == -1)
		return diag_errno(&w->diag, "cannot watch a socket");
	return 0;
}

static int
handle(struct worker *w, const struct epoll_event *ev)
{
	struct flow *f = ev->data.ptr;
	bool blocked = f->blocked;

	if ((ev->events & EPOLLOUT) && flow_send(f, &w->diag) == -1)
		return -1;
	if ((ev->events & ~EPOLLOUT) &&
	    flow_receive(f, &w->meter, &w->diag) == -1)
		return -1;
	if (blocked != f->blocked)
		return watch(w, f, EPOLL_CTL_MOD);
	return 0;
}

static int
begin(struct worker *w)
{
	struct flow *f;
	unsigned i;

	w->meter.now = flow_clock();
	for (i = w->first; i < w->conns; i += w->step) {
		f = &w->flows[i];
		flow_begin(f, &w->meter);
		if (flow_send(f, &w->diag) == -1 ||
		    watch(w, f, EPOLL_CTL_ADD) == -1)
			return -1;
	}
	return 0;
}

static bool
busy(const struct worker *w)
{
	unsigned i;

	for (i = w->first; i < w->conns; i += w->step)
		if (w->flows[i].inflight > 0)
			return true;
	return false;
}

static int
work(struct worker *w)
{
	struct epoll_event ev[EVENTS];
	bool last = false;
	int i, n;

	if (begin(w) == -1)
		return -1;
	/* once the time is over, or all is asked for, wait for the rest only;
	 * counting what is in flight is for then */
	while (!last || busy(w)) {
		n = epoll_wait(w->epoll, ev, EVENTS, LOAD_STALL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return diag_errno(&w->diag, "cannot wait for replies");
		if (n == 0)
			return diag_set(
			    &w->diag, "no reply for %d s", LOAD_STALL / 1000);
		for (i = 0; i < n; i++) {
			if (handle(w, &ev[i]) == -1)
				return -1;
			last = last || w->meter.now >= w->meter.end ||
			       ((struct flow *)ev[i].data.ptr)->quota == 0;
		}
	}
	return 0;
}

static void *
work_thread(void *arg)
{
	struct worker *w = arg;

	w->failed = work(w) == -1;
	sem_post(w->done);
	return NULL;
}

/* --- the clock -------------------------------------------------------------
 */

/* Until then, or until a thread has ended: by itself only when it failed. */
static void
sleep_until(sem_t *done, uint64_t when)
{
	struct timespec ts = {
	    .tv_sec = (time_t)(when / UINT64_C(1000000000)),
	    .tv_nsec = (long)(when % UINT64_C(1000000000)),
	};

	while (sem_clockwait(done, CLOCK_MONOTONIC, &ts) == -1)
		if (errno == ETIMEDOUT)
			return;
	sem_post(done);
}

/* --- threads ---------------------------------------------------------------
 */

static int
worker_start(struct worker *w, uint64_t block, struct diag *d)
{
	w->meter.scratch = malloc(FLOW_SCRATCH + block);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->meter.scratch == NULL || w->epoll == -1)
		return diag_errno(d, "cannot prepare a thread");
	if ((errno = pthread_create(&w->thread, NULL, work_thread, w)) != 0)
		return diag_errno(d, "cannot start a thread");
	w->started = true;
	return 0;
}

static int
worker_end(struct worker *w, struct result *r, struct diag *d)
{
	if (w->started)
		pthread_join(w->thread, NULL);
	if (w->epoll != -1)
		close(w->epoll);
	free(w->meter.scratch);
	r->total.ops += w->meter.ops;
	r->total.bytes += w->meter.bytes;
	r->total.errors += w->meter.errors;
	r->total.flushes += w->meter.flushes;
	stat_merge(&r->total.latency, &w->meter.latency);
	if (w->failed)
		return diag_set(d, "%s", w->diag.text);
	return 0;
}

static int
join(const struct plan *p, struct worker *w, struct result *r, struct diag *d)
{
	int result = 0;
	unsigned i;

	for (i = 0; i < p->threads; i++)
		if (worker_end(&w[i], r, d) == -1)
			result = -1;
	return result;
}

static int
run(const struct plan *p, const struct timing *t, struct worker *w,
    struct result *r, struct diag *d)
{
	uint64_t start = flow_clock(), counted = start + t->warm;
	struct snapshot a, b;
	int result = 0;
	unsigned i;

	for (i = 0; i < p->threads; i++) {
		w[i].meter.begin = p->count > 0 ? 0 : counted;
		w[i].meter.end = p->count > 0 ? UINT64_MAX : counted + t->run;
	}
	if (t->server != 0)
		proc_reset_peak(t->server);
	snap_take(&a, t->server);
	r->start = a.time;
	for (i = 0; i < p->threads && result == 0; i++)
		result = worker_start(&w[i], p->block, d);
	if (result == -1 || p->count > 0) {
		result |= join(p, w, r, d);
		snap_take(&b, t->server);
	} else {
		sleep_until(w[0].done, counted);
		snap_take(&a, t->server);
		sleep_until(w[0].done, counted + t->run);
		snap_take(&b, t->server);
		result = join(p, w, r, d);
	}
	snap_between(r, &a, &b, p->count > 0 ? 0 : t->run);
	return result;
}

static int
spread(const struct plan *p, const struct timing *t, struct flow *flows,
    struct result *r, struct diag *d)
{
	struct worker *w;
	sem_t done;
	unsigned i;
	int result;

	if ((w = calloc(p->threads, sizeof(*w))) == NULL)
		return diag_set(d, "out of memory");
	sem_init(&done, 0, 0);
	for (i = 0; i < p->threads; i++) {
		w[i].flows = flows;
		w[i].first = i;
		w[i].step = p->threads;
		w[i].conns = p->conns;
		w[i].done = &done;
		w[i].epoll = -1;
	}
	result = run(p, t, w, r, d);
	sem_destroy(&done);
	free(w);
	return result;
}

int
load_run(const struct plan *p, const struct timing *t, struct result *r,
    struct diag *d)
{
	struct flow *flows;
	int result = 0;
	unsigned i;

	memset(r, 0, sizeof(*r));
	if ((flows = calloc(p->conns, sizeof(*flows))) == NULL)
		return diag_set(d, "out of memory");
	for (i = 0; i < p->conns && result == 0; i++)
		if ((result = flow_open(&flows[i], p, i, d)) == -1)
			diag_prefix(d, "connection %u", i + 1);
	if (result == 0)
		result = spread(p, t, flows, r, d);
	if (result == 0 && p->count > 0)
		result = after_times(flows, p->conns, r, d);
	if (result == 0 && t->idle > 0)
		result = after_idle(t, r, d);
	for (i = 0; i < p->conns; i++)
		flow_close(&flows[i]);
	free(flows);
	return result;
}
