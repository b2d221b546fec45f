/* print: one line of key=value, or one JSON object. */
#include <stdio.h>

#include "t/bench/print.h"

static double
per(uint64_t value, uint64_t count)
{
	return count > 0 ? (double)value / (double)count : 0;
}

static void
item(bool json, const char *key, int digits, double value)
{
	if (json)
		printf(", \"%s\": %.*f", key, digits, value);
	else
		printf(" %s=%.*f", key, digits, value);
}

static void
server(bool json, const struct result *r)
{
	item(json, "server_cpu_s", 3, (double)r->server_cpu / 1e9);
	item(json, "server_us_op", 3, per(r->server_cpu, r->total.ops) / 1e3);
	item(json, "server_s_gib", 4,
	    per(r->server_cpu, r->total.bytes) / 1e9 * (1 << 30));
	item(json, "server_rss_kib", 0, (double)r->server.rss / 1024);
	item(json, "server_processes", 0, r->server.processes);
	item(json, "server_threads", 0, r->server.threads);
}

/* Fair is 1: all connections have done their requests at the same time. */
static void
finish(bool json, const struct result *r)
{
	item(json, "first_s", 4, (double)r->first / 1e9);
	item(json, "median_s", 4, (double)r->median / 1e9);
	item(json, "last_s", 4, (double)r->last / 1e9);
	item(json, "fairness", 3, per(r->last, r->first));
}

void
print_load(const struct plan *p, const struct timing *t, bool json,
    const struct result *r)
{
	const struct stat_hist *h = &r->total.latency;
	double s = (double)r->elapsed / 1e9;

	printf(
	    json ? "{\"op\": \"%s\", \"pattern\": \"%s\"" : "op=%s pattern=%s",
	    p->writes == 100     ? "write" :
	        p->writes > 0    ? "rw" :
	                           "read",
	    p->trace != NULL     ? "trace" :
	        p->random        ? "rand" :
	                           "seq");
	item(json, "conns", 0, p->conns);
	item(json, "depth", 0, p->depth);
	item(json, "block", 0, (double)p->block);
	item(json, "seconds", 3, s);
	item(json, "ops", 0, (double)r->total.ops);
	item(json, "errors", 0, (double)r->total.errors);
	if (p->flush > 0)
		item(json, "flushes", 0, (double)r->total.flushes);
	item(json, "iops", 1, (double)r->total.ops / s);
	item(json, "mib_s", 2, (double)r->total.bytes / (1 << 20) / s);
	item(json, "p50_us", 1, (double)stat_quantile(h, 0.5) / 1e3);
	item(json, "p99_us", 1, (double)stat_quantile(h, 0.99) / 1e3);
	item(json, "p999_us", 1, (double)stat_quantile(h, 0.999) / 1e3);
	item(json, "max_us", 1, (double)h->max / 1e3);
	item(json, "client_cpu_s", 3, (double)r->client_cpu / 1e9);
	if (p->trace != NULL)
		finish(json, r);
	if (t->server != 0)
		server(json, r);
	if (t->server != 0 && p->trace != NULL)
		item(json, "server_peak_kib", 0,
		    (double)r->server.peak / 1024);
	if (t->server != 0 && t->idle > 0)
		item(json, "idle_cpu_ms", 3, (double)r->idle_cpu / 1e6);
	puts(json ? "}" : "");
}

void
print_connects(const struct plan *p, const struct timing *t, bool json,
    const struct result *r)
{
	const struct stat_hist *h = &r->total.latency;
	double s = (double)r->elapsed / 1e9;

	printf(json ? "{\"op\": \"connect\"" : "op=connect");
	item(json, "conns", 0, (double)h->count);
	item(json, "at_once", 0, p->depth);
	item(json, "seconds", 3, s);
	item(json, "connects_s", 1, (double)h->count / s);
	item(json, "first_p50_us", 1, (double)stat_quantile(h, 0.5) / 1e3);
	item(json, "first_p99_us", 1, (double)stat_quantile(h, 0.99) / 1e3);
	item(json, "first_max_us", 1, (double)h->max / 1e3);
	item(json, "client_cpu_s", 3, (double)r->client_cpu / 1e9);
	if (t->server != 0)
		server(json, r);
	puts(json ? "}" : "");
}
