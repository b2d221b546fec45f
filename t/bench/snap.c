/* snap: the clock and the CPU time of both sides, read together. */
#include <sys/resource.h>

#include <string.h>

#include "t/bench/snap.h"

void
snap_take(struct snapshot *s, pid_t server)
{
	struct rusage ru;

	if (server == 0 || proc_usage(server, &s->server, NULL) == -1)
		memset(&s->server, 0, sizeof(s->server));
	getrusage(RUSAGE_SELF, &ru);
	s->client =
	    (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) *
		UINT64_C(1000000000) +
	    (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000;
	s->time = flow_clock();
}

static uint64_t
scale(uint64_t value, uint64_t to, uint64_t from)
{
	if (from == 0)
		return value;
	return (uint64_t)((double)value * (double)to / (double)from);
}

void
snap_between(struct result *r, const struct snapshot *a,
    const struct snapshot *b, uint64_t run)
{
	uint64_t between = b->time - a->time;

	r->elapsed = run > 0 ? run : between;
	r->client_cpu = scale(b->client - a->client, r->elapsed, between);
	r->server = b->server;
	if (b->server.cpu_ns > a->server.cpu_ns)
		r->server_cpu = scale(
		    b->server.cpu_ns - a->server.cpu_ns, r->elapsed, between);
}
