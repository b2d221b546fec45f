/*
 * nbdload: a load generator for NBD servers, made so that the server is what
 * is measured: one epoll loop, requests in batches, payload dropped unread.
 */
#include <sys/resource.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "t/bench/connect.h"
#include "t/bench/options.h"
#include "t/bench/print.h"

static void
raise_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

/* Data of writes that nobody checks: not zeroes, which could be cheap. */
static unsigned char *
payload(const struct plan *p)
{
	unsigned char *data;
	uint64_t i;

	if ((data = malloc(p->block)) == NULL)
		err(1, "cannot have %llu bytes", (unsigned long long)p->block);
	for (i = 0; i < p->block; i++)
		data[i] = (unsigned char)(i * 7 + 1);
	return data;
}

/* The exit status. */
static int
run(const struct options *o, struct result *r)
{
	struct diag d;
	int failed;

	failed = o->connect ? connect_run(&o->plan, &o->timing, r, &d) :
	                      load_run(&o->plan, &o->timing, r, &d);
	if (failed == -1) {
		warnx("%s", d.text);
		return 1;
	}
	if (o->connect)
		print_connects(&o->plan, &o->timing, o->json, r);
	else
		print_load(&o->plan, &o->timing, o->json, r);
	if (r->total.errors == 0)
		return 0;
	warnx("the server answered %llu requests with errors",
	    (unsigned long long)r->total.errors);
	return 1;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct result *r;
	unsigned char *data;
	int status;

	options_parse(&o, argc, argv);
	raise_descriptors();
	o.plan.payload = data = payload(&o.plan);
	if ((r = malloc(sizeof(*r))) == NULL)
		err(1, "no memory");
	status = run(&o, r);
	free(r);
	free(data);
	trace_free(&o.trace);
	return status;
}
