/*
 * horde: so many hostile clients at once, of all kinds, each of which is
 * connected again when the server has ended it.
 *
 *	horde [-c COUNT] [-k KIND,...] [-r RATE] [-t SECONDS] PORT EXPORT
 *
 * RATE is the most connections made in a second.  Prints "ready" when COUNT
 * of them are there or have been, and at the end (of the time, or SIGTERM) how
 * many there were, how many the server has ended and how many bytes it took.
 */
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "base/clock.h"
#include "wire/codec.h"
#include "wire/proto.h"

#define TICK 50        /* ms: how often each client does something */
#define ADDRESSES 200  /* of 127.77.0.0/24 */
#define RANDOM 4096
#define READS 64
#define READ_SIZE (1 << 20)

struct slot;

struct kind {
	const char *name;
	void (*begin)(struct slot *s); /* connected */
	void (*tick)(struct slot *s);  /* NULL: does nothing */
	bool reads;
};

struct slot {
	const struct kind *kind;
	int fd; /* -1: to be connected */
	bool begun;
	unsigned turn;
};

static struct slot *slots;
static unsigned count = 10000, rate = 2000, seconds = 60;
static int port, poller;
static const char *export_name;
static unsigned char hello[4], go[512], reads[READS * WIRE_REQUEST];
static size_t go_len;
static unsigned char noise[RANDOM];
static uint64_t connects, ended, sent;
static volatile sig_atomic_t stop;

static void
drop(struct slot *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	s->begun = false;
}

/* As much as the socket takes; what it does not take is not missed. */
static void
say(struct slot *s, const void *data, size_t len)
{
	ssize_t n = send(s->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		sent += (uint64_t)n;
}

static size_t
option(unsigned char *out, uint32_t number, uint32_t len)
{
	wire_put64(out, NBD_OPTION_MAGIC);
	wire_put32(out + 8, number);
	wire_put32(out + 12, len);
	return WIRE_OPTION;
}

static void
say_option(struct slot *s, uint32_t number, uint32_t len)
{
	unsigned char o[WIRE_OPTION];
	size_t size = option(o, number, len);

	say(s, o, size);
}

static void
greet(struct slot *s)
{
	say(s, hello, sizeof hello);
}

static void
nothing(struct slot *s)
{
	(void)s;
}

/* A byte at a time, without end. */
static void
trickle(struct slot *s)
{
	size_t n = s->turn++ % (sizeof hello + go_len);

	say(s, n < sizeof hello ? &hello[n] : &go[n - sizeof hello], 1);
}

static void
half(struct slot *s)
{
	greet(s);
	say(s, go, 9);
}

static void
half_closed(struct slot *s)
{
	half(s);
	shutdown(s->fd, SHUT_WR);
}

/* 64 MiB are asked for, and none of it is read. */
static void
ask(struct slot *s)
{
	greet(s);
	say(s, go, go_len);
	say(s, reads, sizeof reads);
}

static void
flood(struct slot *s)
{
	for (int i = 0; i < 8; i++)
		say_option(s, i % 2 ? NBD_OPT_LIST : 4711, 0);
}

static void
huge(struct slot *s)
{
	unsigned char r[WIRE_REQUEST] = { 0 };

	greet(s);
	if (s->turn++ % 2) {
		say_option(s, s->turn % 4 ? NBD_OPT_GO : 4711, UINT32_MAX);
		return;
	}
	say(s, go, go_len);
	wire_put32(r, NBD_REQUEST_MAGIC);
	wire_put16(r + 6, s->turn % 4 ? NBD_CMD_WRITE : NBD_CMD_READ);
	wire_put32(r + 24, UINT32_MAX);
	say(s, r, sizeof r);
}

static void
babble(struct slot *s)
{
	size_t at = (s->turn++ * 7919u) % (RANDOM / 2);

	say(s, noise + at, 1 + at % 1000);
}

static void
ask_tls(struct slot *s)
{
	greet(s);
	say_option(s, NBD_OPT_STARTTLS, 0);
}

/* A record of TLS begins, or does not; what follows it is noise. */
static void
false_tls(struct slot *s)
{
	if (s->turn % 2)
		say(s, "\x16\x03\x01\x02", 4);
	babble(s);
}

static void
reset(struct slot *s)
{
	struct linger now = { 1, 0 };

	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	drop(s);
}

static const struct kind kinds[] = {
	{ "silent", nothing, NULL, true },
	{ "trickle", nothing, trickle, true },
	{ "half", half, NULL, true },
	{ "closed", half_closed, NULL, true },
	{ "unread", ask, NULL, false },
	{ "options", greet, flood, false },
	{ "huge", huge, babble, true },
	{ "garbage", babble, babble, true },
	{ "tls", ask_tls, false_tls, true },
	{ "mute-tls", ask_tls, NULL, true },
	{ "reset", reset, NULL, true },
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static void
join(struct slot *s, unsigned number)
{
	struct sockaddr_in to = { .sin_family = AF_INET }, from = to;
	struct epoll_event e = { .events = EPOLLOUT, .data.ptr = s };
	int on = 1, small = 4096;

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd == -1)
		err(1, "socket");
	to.sin_port = htons((uint16_t)port);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	from.sin_addr.s_addr = htonl(0x7f4d0001 + number % ADDRESSES);
	setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (!s->kind->reads)
		setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	if (bind(s->fd, (struct sockaddr *)&from, sizeof from) == -1)
		err(1, "bind");
	if (connect(s->fd, (struct sockaddr *)&to, sizeof to) == -1 &&
	    errno != EINPROGRESS) {
		drop(s);
		return;
	}
	if (epoll_ctl(poller, EPOLL_CTL_ADD, s->fd, &e) == -1)
		err(1, "epoll_ctl");
}

static void
begin(struct slot *s)
{
	struct epoll_event e = { .events = EPOLLRDHUP, .data.ptr = s };

	connects++;
	s->begun = true;
	if (s->kind->reads)
		e.events |= EPOLLIN;
	epoll_ctl(poller, EPOLL_CTL_MOD, s->fd, &e);
	s->kind->begin(s);
}

static void
event(struct slot *s, uint32_t events)
{
	static unsigned char waste[65536];

	if (s->fd == -1)
		return;
	if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) {
		ended += s->begun;
		drop(s);
	} else if (events & EPOLLOUT) {
		begin(s);
	} else if (recv(s->fd, waste, sizeof waste, MSG_DONTWAIT) == 0) {
		ended++;
		drop(s);
	}
}

/* Connects who is to be, as far as the rate allows; lets all others act. */
static void
tick_all(void)
{
	static unsigned next;
	unsigned made = 0, most = rate * TICK / 1000 + 1;

	for (unsigned i = 0; i < count; i++) {
		struct slot *s = &slots[i];

		if (s->fd != -1 && s->begun && s->kind->tick != NULL)
			s->kind->tick(s);
	}
	for (unsigned i = 0; i < count && made < most; i++) {
		unsigned n = next++ % count;

		if (slots[n].fd == -1) {
			join(&slots[n], n);
			made++;
		}
	}
}

static void
on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void
run(void)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC), tick = now;
	uint64_t end = now + seconds * CLOCK_SECOND;
	struct epoll_event events[256];
	bool ready = false;
	int n;

	while (!stop && now < end) {
		n = epoll_wait(poller, events, 256, TICK / 5);
		for (int i = 0; i < n; i++)
			event(events[i].data.ptr, events[i].events);
		now = clock_now(CLOCK_MONOTONIC);
		if (now < tick)
			continue;
		tick = now + TICK * CLOCK_MS;
		tick_all();
		if (!ready && connects >= count) {
			puts("ready");
			fflush(stdout);
			ready = true;
		}
	}
	printf("connects=%" PRIu64 " ended=%" PRIu64 " sent=%" PRIu64 "\n",
	    connects, ended, sent);
}

static void
make_messages(void)
{
	size_t len = strlen(export_name);
	unsigned char *p = go;

	wire_put32(hello, NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
	p += option(p, NBD_OPT_GO, (uint32_t)len + 6);
	wire_put32(p, (uint32_t)len);
	memcpy(p + 4, export_name, len);
	wire_put16(p + 4 + len, 0);
	go_len = (size_t)(p - go) + len + 6;
	for (unsigned i = 0; i < READS; i++) {
		p = reads + (size_t)i * WIRE_REQUEST;
		wire_put32(p, NBD_REQUEST_MAGIC);
		wire_put64(p + 8, i);
		wire_put32(p + 24, READ_SIZE);
	}
	srandom(809);
	for (size_t i = 0; i < RANDOM; i++)
		noise[i] = (unsigned char)random();
}

/* The kinds named in a list, or all, in turn. */
static void
make_slots(const char *list)
{
	const struct kind *chosen[KINDS];
	size_t n = 0, len;

	for (size_t i = 0; i < KINDS; i++) {
		const char *at = list;

		len = strlen(kinds[i].name);
		while (at != NULL && (strncmp(at, kinds[i].name, len) != 0 ||
		    (at[len] != ',' && at[len] != '\0')))
			at = (at = strchr(at, ',')) != NULL ? at + 1 : NULL;
		if (list == NULL || at != NULL)
			chosen[n++] = &kinds[i];
	}
	if (n == 0)
		errx(2, "\"%s\" has no kind that is known", list);
	slots = calloc(count, sizeof *slots);
	if (slots == NULL)
		err(1, "calloc");
	for (unsigned i = 0; i < count; i++) {
		slots[i].fd = -1;
		slots[i].turn = i;
		slots[i].kind = chosen[i % n];
	}
}

int
main(int argc, char *argv[])
{
	struct rlimit files;
	const char *list = NULL, *bad = NULL;
	unsigned *to;
	int c;

	while ((c = getopt(argc, argv, "c:k:r:t:")) != -1) {
		if (c == 'k') {
			list = optarg;
			continue;
		}
		to = c == 'c' ? &count : c == 'r' ? &rate : &seconds;
		*to = (unsigned)strtonum(optarg, 1, 1000000, &bad);
		if (c == '?' || bad != NULL)
			errx(2, "-%c is %s", c, bad);
	}
	if (argc - optind != 2)
		errx(2, "a port and an export's name are needed");
	port = (int)strtonum(argv[optind], 1, 65535, &bad);
	export_name = argv[optind + 1];
	if (bad != NULL || strlen(export_name) > 64)
		errx(2, "that is no port, or no name");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGTERM, on_term);
	poller = epoll_create1(EPOLL_CLOEXEC);
	make_messages();
	make_slots(list);
	run();
	return 0;
}
