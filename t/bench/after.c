/* after: what is to be known when all the requests are answered. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "t/bench/after.h"

static int
by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int
after_times(const struct flow *flows, unsigned n, struct result *r,
    struct diag *d)
{
	uint64_t *times;
	unsigned i;

	if ((times = calloc(n, sizeof(*times))) == NULL)
		return diag_set(d, "out of memory");
	for (i = 0; i < n; i++)
		times[i] = flows[i].finished - r->start;
	qsort(times, n, sizeof(*times), by_time);
	r->first = times[0];
	r->median = times[n / 2];
	r->last = times[n - 1];
	free(times);
	return 0;
}

int
after_idle(const struct timing *t, struct result *r, struct diag *d)
{
	struct timespec ts = {
	    .tv_sec = (time_t)(t->idle / UINT64_C(1000000000)),
	    .tv_nsec = (long)(t->idle % UINT64_C(1000000000)),
	};
	uint64_t before = 0, after = 0;

	if (t->server != 0 && proc_cpu_exact(t->server, &before, d) == -1)
		return -1;
	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		continue;
	if (t->server == 0)
		return 0;
	if (proc_cpu_exact(t->server, &after, d) == -1)
		return -1;
	r->idle_cpu = after > before ? after - before : 0;
	return proc_usage(t->server, &r->server, d);
}
