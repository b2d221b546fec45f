/*
 * nbdload: a load generator for NBD servers, made so that the server is what
 * is measured: one epoll loop, requests in batches, payload dropped unread.
 */
#include <sys/resource.h>

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "t/bench/load.h"

#define CONNS_MAX 60000
#define DEPTH_MAX 4096
#define THREADS_MAX 64
#define BLOCK_MAX (32 << 20) /* what any server has to take */

struct options {
	struct plan plan;
	struct timing timing;
	bool json;
};

enum { OPT_JSON = 256, OPT_TLS, OPT_STRUCTURED, OPT_LOCKSTEP, OPT_SPIN,
	OPT_HELP };

static const struct option longopts[] = {
    {"json", no_argument, NULL, OPT_JSON},
    {"tls", required_argument, NULL, OPT_TLS},
    {"structured", no_argument, NULL, OPT_STRUCTURED},
    {"lockstep", no_argument, NULL, OPT_LOCKSTEP},
    {"spin", required_argument, NULL, OPT_SPIN},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static void
usage(FILE *out)
{
	fputs("usage: nbdload [options] HOST:PORT|SOCKET [EXPORT]\n"
	      "  -c N        connections (1)\n"
	      "  -d N        requests in flight on each (1)\n"
	      "  -b SIZE     bytes per request (4k)\n"
	      "  -p PATTERN  rand or seq (rand)\n"
	      "  -o OP       read or write (read)\n"
	      "  -T SECONDS  measure for that long (2)\n"
	      "  -w SECONDS  warm up for that long before (0.3)\n"
	      "  -n N        do N requests instead, without warming up\n"
	      "  -t N        threads (1)\n"
	      "  -s N        seed of the random offsets\n"
	      "  -V          verify data read, or write data, as nbdkit's "
	      "pattern plugin has it\n"
	      "  -P PID      the server: report its CPU time and memory\n"
	      "  --structured  replies in chunks, holes told as such\n"
	      "  --lockstep  the next requests only when all replies are "
	      "there\n"
	      "  --tls=FILE  encrypt; FILE is who signed the server's "
	      "certificate\n"
	      "  --spin US   look for replies so long before sleeping (0)\n"
	      "  --json      one JSON object instead of key=value\n"
	      "Exit: 0 done, 1 an error reply, wrong data, a violation of the "
	      "protocol or no connection, 2 wrong usage.\n",
	    out);
}

/* --- options ---------------------------------------------------------------
 */

static uint64_t
number(const char *what, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long v;

	v = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || v < min || v > max)
		errx(2, "%s: %s: want a number from %llu to %llu", what, text,
		    (unsigned long long)min, (unsigned long long)max);
	return v;
}

static uint64_t
seconds(const char *what, const char *text)
{
	char *end;
	double v;

	v = strtod(text, &end);
	if (end == text || *end != '\0' || !(v >= 0 && v <= 86400))
		errx(2, "%s: %s: want seconds from 0 to 86400", what, text);
	return (uint64_t)(v * 1e9);
}

static bool
choice(const char *what, const char *text, const char *no, const char *yes)
{
	if (strcmp(text, yes) != 0 && strcmp(text, no) != 0)
		errx(2, "%s: %s: want %s or %s", what, text, no, yes);
	return strcmp(text, yes) == 0;
}

static uint64_t
block(const char *text)
{
	struct diag d;
	uint64_t v;

	if (size_parse(text, &v, &d) == -1)
		errx(2, "-b: %s", d.text);
	if (v < 1 || v > BLOCK_MAX)
		errx(2, "-b: %s: want a size from 1 to 32M", text);
	return v;
}

static void
option(struct options *o, int c, const char *arg)
{
	struct plan *p = &o->plan;

	switch (c) {
	case 'c':
		p->conns = (unsigned)number("-c", arg, 1, CONNS_MAX);
		break;
	case 'd':
		p->depth = (unsigned)number("-d", arg, 1, DEPTH_MAX);
		break;
	case 't':
		p->threads = (unsigned)number("-t", arg, 1, THREADS_MAX);
		break;
	case 'b':
		p->block = block(arg);
		break;
	case 'p':
		p->random = choice("-p", arg, "seq", "rand");
		break;
	case 'o':
		p->write = choice("-o", arg, "read", "write");
		break;
	case 'T':
		o->timing.run = seconds("-T", arg);
		break;
	case 'w':
		o->timing.warm = seconds("-w", arg);
		break;
	case 'n':
		p->count = number("-n", arg, 1, UINT64_MAX);
		break;
	case 's':
		p->seed = number("-s", arg, 0, UINT64_MAX);
		break;
	case 'V':
		p->verify = true;
		break;
	case 'P':
		o->timing.server = (pid_t)number("-P", arg, 1, 1 << 30);
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_TLS:
		p->target.ca = arg;
		break;
	case OPT_STRUCTURED:
		p->structured = true;
		break;
	case OPT_LOCKSTEP:
		p->lockstep = true;
		break;
	case OPT_SPIN:
		p->spin = 1000 * number("--spin", arg, 0, 1000000);
		break;
	case OPT_HELP:
		usage(stdout);
		exit(0);
	default:
		usage(stderr);
		exit(2);
	}
}

static void
parse(struct options *o, int argc, char **argv)
{
	struct plan *p = &o->plan;
	const char *ca;
	struct diag d;
	int c;

	*o = (struct options){
	    .plan = {.conns = 1,
		.depth = 1,
		.threads = 1,
		.block = 4096,
		.random = true,
		.export = ""},
	    .timing = {.warm = 300000000, .run = 2000000000},
	};
	while ((c = getopt_long(argc, argv, "c:d:b:p:o:T:w:n:t:s:VP:", longopts,
		    NULL)) != -1)
		option(o, c, optarg);
	if (argc - optind < 1 || argc - optind > 2) {
		usage(stderr);
		exit(2);
	}
	ca = p->target.ca;
	if (target_parse(&p->target, argv[optind], &d) == -1)
		errx(2, "%s", d.text);
	p->target.ca = ca;
	if (argc - optind == 2)
		p->export = argv[optind + 1];
	if (p->threads > p->conns)
		errx(2, "-t: %u threads for %u connections", p->threads,
		    p->conns);
	if (p->count > 0 && p->count < p->conns)
		errx(2, "-n: fewer requests than connections");
	if (p->count == 0 && o->timing.run == 0)
		errx(2, "-T: want more than 0 seconds");
}

/* --- the report ------------------------------------------------------------
 */

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
report_server(bool json, const struct result *r)
{
	item(json, "server_cpu_s", 3, (double)r->server_cpu / 1e9);
	item(json, "server_us_op", 3, per(r->server_cpu, r->total.ops) / 1e3);
	item(json, "server_s_gib", 4,
	    per(r->server_cpu, r->total.bytes) / 1e9 * (1 << 30));
	item(json, "server_rss_kib", 0, (double)r->server.rss / 1024);
	item(json, "server_processes", 0, r->server.processes);
	item(json, "server_threads", 0, r->server.threads);
}

static void
report(const struct options *o, const struct result *r)
{
	const struct stat_hist *h = &r->total.latency;
	const struct plan *p = &o->plan;
	double s = (double)r->elapsed / 1e9;
	bool json = o->json;

	printf(
	    json ? "{\"op\": \"%s\", \"pattern\": \"%s\"" : "op=%s pattern=%s",
	    p->write ? "write" : "read", p->random ? "rand" : "seq");
	item(json, "conns", 0, p->conns);
	item(json, "depth", 0, p->depth);
	item(json, "block", 0, (double)p->block);
	item(json, "seconds", 3, s);
	item(json, "ops", 0, (double)r->total.ops);
	item(json, "errors", 0, (double)r->total.errors);
	item(json, "iops", 1, (double)r->total.ops / s);
	item(json, "mib_s", 2, (double)r->total.bytes / (1 << 20) / s);
	item(json, "p50_us", 1, (double)stat_quantile(h, 0.5) / 1e3);
	item(json, "p99_us", 1, (double)stat_quantile(h, 0.99) / 1e3);
	item(json, "p999_us", 1, (double)stat_quantile(h, 0.999) / 1e3);
	item(json, "max_us", 1, (double)h->max / 1e3);
	item(json, "client_cpu_s", 3, (double)r->client_cpu / 1e9);
	if (o->timing.server != 0)
		report_server(json, r);
	puts(json ? "}" : "");
}

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

int
main(int argc, char **argv)
{
	struct options o;
	struct result *r;
	unsigned char *data;
	struct diag d;
	int status = 0;

	parse(&o, argc, argv);
	raise_descriptors();
	o.plan.payload = data = payload(&o.plan);
	if ((r = malloc(sizeof(*r))) == NULL)
		err(1, "no memory");
	if (load_run(&o.plan, &o.timing, r, &d) == -1) {
		warnx("%s", d.text);
		status = 1;
	} else {
		report(&o, r);
		if (r->total.errors > 0) {
			warnx("the server answered %llu requests with errors",
			    (unsigned long long)r->total.errors);
			status = 1;
		}
	}
	free(r);
	free(data);
	return status;
}
