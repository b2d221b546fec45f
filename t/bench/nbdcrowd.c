/*
 * nbdcrowd: many clients that do little.  Each connects, names the export
 * with GO and reads one block; then it stays (hold), or takes its leave and
 * another one comes (churn).  One thread: a client of the crowd costs a dozen
 * system calls, so that the server is the slower side.
 */
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "base/clock.h"
#include "t/bench/client.h"
#include "wire/codec.h"
#include "wire/proto.h"

#define TOGETHER 8 /* that enter at the same time: some servers queue no more */
#define STUCK 20    /* s without progress */
#define BLOCK 4096
#define GUESTS_NETWORK 0x7f4d0001 /* 127.77.0.1 */
#define ADDRESSES 200
#define SAMPLES 1000000

enum stage { FREE, GREETING, OPTION, READING, IN };

struct guest {
	int fd;
	enum stage stage;
	size_t have;     /* bytes of what is waited for */
	uint64_t since;  /* it began to connect */
	unsigned char in[WIRE_SIMPLE_REPLY + BLOCK];
};

struct crowd {
	struct target target;
	const char *export;  /* a "%u" is the number of the guest's export */
	unsigned exports;
	int poller;
	struct guest *guests;
	size_t places;       /* guests at once */
	uint64_t entered, left, progress;
	bool stays;          /* who is in remains */
	uint64_t *times;     /* ns to the first byte, of the first SAMPLES */
};

static size_t
put_option(unsigned char *p, const char *name)
{
	uint32_t len = (uint32_t)strlen(name);

	wire_put64(p, NBD_OPTION_MAGIC);
	wire_put32(p + 8, NBD_OPT_GO);
	wire_put32(p + 12, len + 6);
	wire_put32(p + 16, len);
	memcpy(p + 20, name, len);
	wire_put16(p + 20 + len, 0);
	return WIRE_OPTION + len + 6;
}

static void
say(struct guest *g, const void *data, size_t len)
{
	if (send(g->fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		err(1, "cannot send");
}

static void
say_go(struct crowd *c, struct guest *g)
{
	unsigned char out[512];
	char name[256];

	snprintf(name, sizeof(name), "%s%u", c->export,
	    (unsigned)((c->entered + c->left) % (c->exports + !c->exports)));
	wire_put32(out, NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
	say(g, out, 4 + put_option(out + 4, c->exports > 0 ? name :
	    c->export));
}

static void
say_request(struct guest *g, uint16_t command, uint32_t len)
{
	unsigned char r[WIRE_REQUEST] = { 0 };

	wire_put32(r, NBD_REQUEST_MAGIC);
	wire_put16(r + 6, command);
	wire_put32(r + 24, len);
	say(g, r, sizeof(r));
}

/*
 * From one of many loopback addresses: one has ports for 28,000 connections,
 * and those that have ended keep theirs for a while.
 */
static void
come_from_afar(const struct crowd *c, int fd)
{
	const struct sockaddr_in *to =
	    (const struct sockaddr_in *)&c->target.addr;
	struct sockaddr_in from = { .sin_family = AF_INET };
	int on = 1;

	if (to->sin_family != AF_INET ||
	    ntohl(to->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return;
	from.sin_addr.s_addr = htonl(GUESTS_NETWORK +
	    (uint32_t)(c->entered % ADDRESSES));
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
	    sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		err(1, "bind");
}

static void
enter(struct crowd *c, struct guest *g)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = g };

	g->fd = socket(c->target.addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (g->fd == -1)
		err(1, "socket");
	come_from_afar(c, g->fd);
	g->since = clock_now(CLOCK_MONOTONIC);
	if (connect(g->fd, (struct sockaddr *)&c->target.addr,
	    c->target.len) == -1 && errno != EINPROGRESS)
		err(1, "cannot connect");
	if (epoll_ctl(c->poller, EPOLL_CTL_ADD, g->fd, &e) == -1)
		err(1, "epoll_ctl");
	g->stage = GREETING;
	g->have = 0;
}

/* Another one can take its place. */
static void
leave(struct crowd *c, struct guest *g)
{
	say_request(g, NBD_CMD_DISC, 0);
	close(g->fd);
	g->stage = FREE;
	c->left++;
}

static void
is_in(struct crowd *c, struct guest *g)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC);

	if (wire_get32(g->in) != NBD_SIMPLE_REPLY_MAGIC ||
	    wire_get32(g->in + 4) != 0)
		errx(1, "the server refused to read");
	if (c->entered < SAMPLES)
		c->times[c->entered] = now - g->since;
	c->entered++;
	c->progress = now;
	g->stage = IN;
	if (!c->stays)
		leave(c, g);
}

/* Replies to GO, as far as they are there: true behind the last. */
static bool
acknowledged(struct guest *g)
{
	uint32_t type, len;

	while (g->have >= WIRE_OPTION_REPLY) {
		type = wire_get32(g->in + 12);
		len = wire_get32(g->in + 16);
		if (type >> 31 != 0)
			errx(1, "the server refused the export");
		if (len > 1024)
			errx(1, "the server's answer is too long");
		if (g->have < WIRE_OPTION_REPLY + len)
			return false;
		g->have -= WIRE_OPTION_REPLY + len;
		memmove(g->in, g->in + WIRE_OPTION_REPLY + len, g->have);
		if (type == NBD_REP_ACK)
			return true;
	}
	return false;
}

static void
arrived(struct crowd *c, struct guest *g)
{
	ssize_t n = recv(g->fd, g->in + g->have, sizeof(g->in) - g->have, 0);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n == -1)
		err(1, "cannot receive");
	if (n == 0)
		errx(1, "the server closed the connection of guest %" PRIu64,
		    c->entered);
	g->have += (size_t)n;
	if (g->stage == GREETING && g->have >= WIRE_GREETING) {
		g->have = 0;
		g->stage = OPTION;
		say_go(c, g);
	} else if (g->stage == OPTION && acknowledged(g)) {
		g->have = 0;
		g->stage = READING;
		say_request(g, NBD_CMD_READ, BLOCK);
	} else if (g->stage == READING && g->have == sizeof(g->in))
		is_in(c, g);
}

static void
wait_for_some(struct crowd *c)
{
	struct epoll_event events[64];
	int n = epoll_wait(c->poller, events, 64, 1000);

	for (int i = 0; i < n; i++)
		arrived(c, events[i].data.ptr);
	if (clock_now(CLOCK_MONOTONIC) - c->progress > STUCK * CLOCK_SECOND)
		errx(1, "nobody has entered for %d s; %" PRIu64 " had before",
		    STUCK, c->entered);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double
microseconds(const struct crowd *c, size_t at)
{
	return (double)c->times[at] / 1e3;
}

static void
report(struct crowd *c, uint64_t ns)
{
	size_t n = c->entered < SAMPLES ? c->entered : SAMPLES;

	if (n == 0)
		errx(1, "nobody has entered");
	qsort(c->times, n, sizeof(*c->times), compare);
	printf("connects=%" PRIu64 " iops=%.0f p50_us=%.1f p99_us=%.1f\n",
	    c->entered, (double)c->entered / ((double)ns / 1e9),
	    microseconds(c, n / 2), microseconds(c, (n * 99 - 1) / 100));
	fflush(stdout);
}

/* Until the last is in, and then until there is no more standard input. */
static void
hold(struct crowd *c)
{
	uint64_t began = clock_now(CLOCK_MONOTONIC);
	size_t come = 0;
	char byte;

	while (c->entered < c->places) {
		for (; come < c->places && come < c->entered + TOGETHER; come++)
			enter(c, &c->guests[come]);
		wait_for_some(c);
	}
	report(c, clock_now(CLOCK_MONOTONIC) - began);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void
churn(struct crowd *c, double seconds)
{
	uint64_t began = clock_now(CLOCK_MONOTONIC);
	uint64_t end = began + (uint64_t)(seconds * 1e9);

	while (clock_now(CLOCK_MONOTONIC) < end || c->entered == 0) {
		for (size_t i = 0; i < c->places; i++)
			if (c->guests[i].stage == FREE)
				enter(c, &c->guests[i]);
		wait_for_some(c);
	}
	report(c, clock_now(CLOCK_MONOTONIC) - began);
}

static void
usage(void)
{
	fputs("usage: nbdcrowd hold N TARGET EXPORT [EXPORTS]\n"
	    "       nbdcrowd churn SECONDS TARGET EXPORT [EXPORTS]\n"
	    "  With EXPORTS the names are EXPORT0, EXPORT1, ... in turn.\n",
	    stderr);
	exit(2);
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	struct crowd c = { 0 };
	struct diag d;
	bool stays;

	if (argc < 5 || argc > 6)
		usage();
	stays = strcmp(argv[1], "hold") == 0;
	if (!stays && strcmp(argv[1], "churn") != 0)
		usage();
	if (target_parse(&c.target, argv[3], &d) == -1)
		errx(2, "%s", d.text);
	c.export = argv[4];
	c.exports = argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
	c.stays = stays;
	c.places = stays ? strtoul(argv[2], NULL, 10) : TOGETHER;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	c.guests = calloc(c.places + 1, sizeof(*c.guests));
	c.times = calloc(SAMPLES, sizeof(*c.times));
	c.poller = epoll_create1(EPOLL_CLOEXEC);
	if (c.guests == NULL || c.times == NULL || c.poller == -1)
		err(1, "cannot invite %zu guests", c.places);
	c.progress = clock_now(CLOCK_MONOTONIC);
	if (stays)
		hold(&c);
	else
		churn(&c, strtod(argv[2], NULL));
	free(c.guests);
	free(c.times);
	close(c.poller);
	return 0;
}
