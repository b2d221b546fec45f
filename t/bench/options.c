/* options: nbdload's command line. */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "t/bench/options.h"

#define CONNS_MAX 60000
#define DEPTH_MAX 4096
#define THREADS_MAX 64
#define BLOCK_MAX TRACE_LENGTH_MAX
#define RW_WRITES 30 /* of 100 */
#define AT_ONCE_MAX 1000 /* threads that connect */

enum { OPT_JSON = 256, OPT_TLS, OPT_STRUCTURED, OPT_LOCKSTEP,
	OPT_FUA, OPT_FLUSH, OPT_TRACE, OPT_CONNECT, OPT_IDLE, OPT_EXPORTS,
	OPT_HELP };

static const struct option longopts[] = {
    {"json", no_argument, NULL, OPT_JSON},
    {"tls", required_argument, NULL, OPT_TLS},
    {"structured", no_argument, NULL, OPT_STRUCTURED},
    {"lockstep", no_argument, NULL, OPT_LOCKSTEP},
    {"fua", no_argument, NULL, OPT_FUA},
    {"flush", required_argument, NULL, OPT_FLUSH},
    {"trace", required_argument, NULL, OPT_TRACE},
    {"connect", no_argument, NULL, OPT_CONNECT},
    {"idle", required_argument, NULL, OPT_IDLE},
    {"exports", required_argument, NULL, OPT_EXPORTS},
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
	      "  -o OP       read, write or rw: 30 writes of 100 (read)\n"
	      "  --fua       every write is to be on the disk\n"
	      "  --flush N   a flush after every N writes of a connection\n"
	      "  --trace FILE  every connection reads what FILE says, a line of\n"
	      "              \"MICROSECONDS OFFSET LENGTH\" each, as fast as it "
	      "can\n"
	      "  --connect   -n connections (1000), -d at a time, that read 4 "
	      "KiB each\n"
	      "  --idle SECONDS  one read each, and then nothing for so long\n"
	      "  --exports N  EXPORT0, EXPORT1, ... for the connections, as far "
	      "as they go\n"
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

static unsigned
writes(const char *text)
{
	if (strcmp(text, "rw") == 0)
		return RW_WRITES;
	if (strcmp(text, "read") != 0 && strcmp(text, "write") != 0)
		errx(2, "-o: %s: want read, write or rw", text);
	return strcmp(text, "write") == 0 ? 100 : 0;
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
		p->writes = writes(arg);
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
	case OPT_FUA:
		p->fua = true;
		break;
	case OPT_FLUSH:
		p->flush = (unsigned)number("--flush", arg, 1, UINT32_MAX);
		break;
	case OPT_TRACE:
		o->trace_file = arg;
		break;
	case OPT_CONNECT:
		o->connect = true;
		break;
	case OPT_IDLE:
		o->timing.idle = seconds("--idle", arg);
		break;
	case OPT_EXPORTS:
		p->exports = (unsigned)number("--exports", arg, 1, UINT32_MAX);
		break;
	case OPT_HELP:
		usage(stdout);
		exit(0);
	default:
		usage(stderr);
		exit(2);
	}
}

/* Each mode has a count of its own. */
static void
settle(struct options *o)
{
	struct plan *p = &o->plan;
	struct diag d;

	if ((o->trace_file != NULL) + o->connect + (o->timing.idle > 0) > 1)
		errx(2, "--trace, --connect, --idle: want one of them");
	if ((p->fua || p->flush > 0) && p->writes == 0)
		errx(2, "--fua, --flush: want -o write or -o rw");
	if (p->writes > 0 && (o->trace_file != NULL || o->connect ||
	    o->timing.idle > 0))
		errx(2, "-o: --trace, --connect and --idle only read");
	if (o->connect && p->depth > AT_ONCE_MAX)
		errx(2, "-d: more than %d at a time", AT_ONCE_MAX);
	if (o->trace_file != NULL) {
		if (trace_read(&o->trace, o->trace_file, &d) == -1)
			errx(2, "%s", d.text);
		p->trace = &o->trace;
		p->block = o->trace.longest;
		p->count = o->trace.count * p->conns;
	} else if (o->connect && p->count == 0)
		p->count = 1000;
	else if (o->timing.idle > 0)
		p->count = p->conns;
}

static void
check(const struct options *o)
{
	const struct plan *p = &o->plan;

	if (p->threads > p->conns)
		errx(2, "-t: %u threads for %u connections", p->threads,
		    p->conns);
	if (p->count > 0 && p->count < p->conns)
		errx(2, "-n: fewer requests than connections");
	if (p->count == 0 && o->timing.run == 0)
		errx(2, "-T: want more than 0 seconds");
}

void
options_parse(struct options *o, int argc, char **argv)
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
	settle(o);
	check(o);
}
