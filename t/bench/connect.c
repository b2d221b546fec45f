/* connect: threads that connect, read, and leave, over and over. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "t/bench/connect.h"
#include "t/bench/snap.h"

struct visitor {
	pthread_t thread;
	bool started, failed;
	const struct plan *plan;
	_Atomic uint64_t *left; /* borrowed: how many have still to come */
	struct meter meter;
	struct diag diag;
};

static int
ready(const struct flow *f, struct diag *d)
{
	struct pollfd p = {.fd = f->client.fd, .events = POLLIN};
	int n;

	if (f->blocked)
		p.events |= POLLOUT;
	do
		n = poll(&p, 1, LOAD_STALL);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return diag_errno(d, "cannot wait for a reply");
	return n > 0 ? 0 : diag_set(d, "no reply for %d s", LOAD_STALL / 1000);
}

/* The one request of a flow; its time is counted from the very beginning. */
static int
read_once(struct flow *f, uint64_t begun, struct meter *m, struct diag *d)
{
	flow_begin(f, m);
	f->slots[0].start = begun;
	if (flow_send(f, d) == -1)
		return -1;
	while (f->inflight > 0)
		if (ready(f, d) == -1 || (f->blocked && flow_send(f, d) == -1) ||
		    flow_receive(f, m, d) == -1)
			return -1;
	return 0;
}

static int
visit(struct visitor *v, const struct plan *p)
{
	uint64_t begun = flow_clock();
	struct flow f;
	int result;

	result = flow_open(&f, p, 0, &v->diag);
	if (result == 0)
		result = read_once(&f, begun, &v->meter, &v->diag);
	flow_close(&f);
	return result;
}

static bool
one_more(_Atomic uint64_t *left)
{
	uint64_t n = atomic_load(left);

	while (n > 0)
		if (atomic_compare_exchange_weak(left, &n, n - 1))
			return true;
	return false;
}

static void *
visitor_thread(void *arg)
{
	struct visitor *v = arg;
	struct plan one = *v->plan;

	one.conns = one.depth = one.threads = 1;
	one.count = 1;
	one.block = CONNECT_READ;
	one.random = false;
	while (!v->failed && one_more(v->left))
		v->failed = visit(v, &one) == -1;
	if (v->failed) /* then the others need not go on */
		atomic_store(v->left, 0);
	return NULL;
}

static int
visitor_start(struct visitor *v, struct diag *d)
{
	v->meter.end = UINT64_MAX;
	v->meter.scratch = malloc(FLOW_SCRATCH + CONNECT_READ);
	if (v->meter.scratch == NULL)
		return diag_set(d, "out of memory");
	if ((errno = pthread_create(&v->thread, NULL, visitor_thread, v)) != 0)
		return diag_errno(d, "cannot start a thread");
	v->started = true;
	return 0;
}

static int
visitor_end(struct visitor *v, struct result *r, struct diag *d)
{
	if (v->started)
		pthread_join(v->thread, NULL);
	free(v->meter.scratch);
	r->total.ops += v->meter.ops;
	r->total.bytes += v->meter.bytes;
	r->total.errors += v->meter.errors;
	stat_merge(&r->total.latency, &v->meter.latency);
	return v->failed ? diag_set(d, "%s", v->diag.text) : 0;
}

int
connect_run(const struct plan *p, const struct timing *t, struct result *r,
    struct diag *d)
{
	_Atomic uint64_t left = p->count;
	struct snapshot a, b;
	struct visitor *v;
	int result = 0;
	unsigned i;

	memset(r, 0, sizeof(*r));
	if ((v = calloc(p->depth, sizeof(*v))) == NULL)
		return diag_set(d, "out of memory");
	if (t->server != 0)
		proc_reset_peak(t->server);
	snap_take(&a, t->server);
	for (i = 0; i < p->depth && result == 0; i++) {
		v[i].plan = p;
		v[i].left = &left;
		result = visitor_start(&v[i], d);
	}
	if (result == -1)
		left = 0;
	for (i = 0; i < p->depth; i++)
		if (visitor_end(&v[i], r, d) == -1)
			result = -1;
	snap_take(&b, t->server);
	snap_between(r, &a, &b, 0);
	free(v);
	return result;
}
