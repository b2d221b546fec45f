/*
 * livetest: clients that read and verify for as long as they are let.
 *
 *	livetest image FILE SIZE VERSION	make an image that tells itself apart
 *	livetest clients PORT COUNT NAME...	until SIGTERM or SIGINT
 *	livetest connect PORT COUNT NAME...	so many connections, a read each
 *
 * Every 8 bytes of an image are its version, 24 bits, and their own offset, 40
 * bits, big-endian; so a client knows whether each byte it gets is from the
 * right place of the one version that it began with.
 *
 * A client connects to one of the names, reads for a while, and connects
 * anew; the first five stay as long as they can.  Names that begin with "s"
 * must always be served; those with "k" may end at any time.  Anything else
 * that is not as it should be is printed and counted: exit status 1.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/codec.h"
#include "wire/proto.h"

#define READ_MAX (512 * 1024)
#define STAYERS 5
#define CLIENTS_MAX 256

struct client {
	pthread_t thread;
	unsigned number, dice;
	int fd;
	const char *name;
	uint64_t size, version;
	unsigned char *data;
	uint64_t sessions, reads, refused;
};

static atomic_bool stop;
static atomic_uint errors;
static int port;
static char **names;
static unsigned nnames;

static unsigned
roll(struct client *c, unsigned n)
{
	c->dice = c->dice * 1103515245u + 12345u;
	return (c->dice >> 8) % n;
}

/* --- images ----------------------------------------------------------------- */

static uint64_t
word(uint64_t version, uint64_t offset)
{
	return version << 40 | offset;
}

static void
make_image(const char *file, uint64_t size, uint64_t version)
{
	unsigned char block[65536];
	FILE *f = fopen(file, "we");

	if (f == NULL)
		err(1, "%s", file);
	for (uint64_t at = 0; at < size; at += sizeof(block)) {
		uint64_t n = size - at < sizeof(block) ? size - at :
		    sizeof(block);

		for (size_t i = 0; i < sizeof(block); i += 8)
			wire_put64(block + i, word(version, at + i));
		if (fwrite(block, 1, n, f) != n)
			err(1, "%s", file);
	}
	if (fclose(f) == EOF)
		err(1, "%s", file);
}

/* --- what goes wrong -------------------------------------------------------- */

static bool
may_end(const struct client *c)
{
	return c->name[0] == 'k' || atomic_load(&stop);
}

static void __attribute__((format(printf, 2, 3)))
wrong(const struct client *c, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (atomic_fetch_add(&errors, 1) < 20)
		printf("client %u of %s: %s\n", c->number, c->name, text);
}

/* false, and counted unless the end was allowed. */
static bool
lost(const struct client *c, const char *what)
{
	if (!may_end(c))
		wrong(c, "%s: %s", what, errno != 0 ? strerror(errno) :
		    "end of file");
	return false;
}

/* --- bytes ------------------------------------------------------------------ */

static bool
put(const struct client *c, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = send(c->fd, p, len, MSG_NOSIGNAL);
		if (n == -1)
			return lost(c, "sending");
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
get(const struct client *c, void *data, size_t len)
{
	char *p = data;
	ssize_t n;

	while (len > 0) {
		errno = 0;
		n = recv(c->fd, p, len, MSG_WAITALL);
		if (n <= 0)
			return lost(c, "receiving");
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* --- the handshake ---------------------------------------------------------- */

static bool
dial(struct client *c)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct timeval patience = { .tv_sec = 60 };
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return lost(c, "socket");
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		if (!atomic_load(&stop))
			wrong(c, "connecting: %s", strerror(errno));
		return false;
	}
	return true;
}

static bool
ask(struct client *c)
{
	unsigned char p[128];
	size_t len = strlen(c->name);

	wire_put32(p, NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
	wire_put64(p + 4, NBD_OPTION_MAGIC);
	wire_put32(p + 12, NBD_OPT_GO);
	wire_put32(p + 16, (uint32_t)len + 6);
	wire_put32(p + 20, (uint32_t)len);
	memcpy(p + 24, c->name, len);
	wire_put16(p + 24 + len, 0);
	return put(c, p, len + 26);
}

/* An error reply: only what may be absent may be refused. */
static bool
refusal(struct client *c, uint32_t type, const char *text)
{
	c->refused++;
	if (c->name[0] == 's' || (type != NBD_REP_ERR_UNKNOWN &&
	    type != NBD_REP_ERR_PLATFORM))
		wrong(c, "refused with %s: %s", nbd_reply_name(type), text);
	return false;
}

/* All replies to NBD_OPT_GO; whether transmission has begun. */
static bool
go(struct client *c)
{
	unsigned char p[WIRE_OPTION_REPLY], data[1024];
	uint32_t type, len;

	for (;;) {
		if (!get(c, p, sizeof(p)))
			return false;
		type = wire_get32(p + 12);
		len = wire_get32(p + 16);
		if (wire_get64(p) != NBD_REPLY_MAGIC || len >= sizeof(data)) {
			wrong(c, "a bad reply to an option");
			return false;
		}
		if (!get(c, data, len))
			return false;
		data[len] = '\0';
		if (type == NBD_REP_ACK)
			return true;
		if (type != NBD_REP_INFO)
			return refusal(c, type, (char *)data);
		if (wire_get16(data) == NBD_INFO_EXPORT)
			c->size = wire_get64(data + 2);
	}
}

static bool
begin(struct client *c)
{
	unsigned char greeting[WIRE_GREETING];

	return dial(c) && get(c, greeting, sizeof(greeting)) && ask(c) &&
	    go(c);
}

/* --- reading ---------------------------------------------------------------- */

static bool
request(const struct client *c, uint16_t command, uint64_t cookie,
    uint64_t offset, uint32_t length)
{
	unsigned char p[WIRE_REQUEST];

	wire_put32(p, NBD_REQUEST_MAGIC);
	wire_put16(p + 4, 0);
	wire_put16(p + 6, command);
	wire_put64(p + 8, cookie);
	wire_put64(p + 16, offset);
	wire_put32(p + 24, length);
	return put(c, p, sizeof(p));
}

static bool
verify(struct client *c, uint64_t offset, uint32_t length)
{
	if (c->reads == 0 && length >= 8)
		c->version = wire_get64(c->data) >> 40;
	for (uint32_t i = 0; i < length; i += 8) {
		uint64_t w = wire_get64(c->data + i);

		if (w == word(c->version, offset + i))
			continue;
		wrong(c, "at %llu of %llu: version %llu, offset %llu, "
		    "expected version %llu",
		    (unsigned long long)offset + i,
		    (unsigned long long)c->size, (unsigned long long)w >> 40,
		    (unsigned long long)(w & 0xffffffffff),
		    (unsigned long long)c->version);
		return false;
	}
	c->reads++;
	return true;
}

static bool
read_one(struct client *c)
{
	uint32_t most = roll(c, 8) == 0 ? READ_MAX : 16384;
	uint32_t length = 8 + roll(c, most / 8 - 1) * 8;
	unsigned char p[WIRE_SIMPLE_REPLY];
	uint64_t offset, cookie = (uint64_t)c->dice << 20 | c->reads;

	if (length > c->size)
		length = (uint32_t)c->size & ~7u;
	offset = (c->size - length) / 8;
	offset = 8 * (offset == 0 ? 0 : roll(c, (unsigned)offset));
	if (!request(c, NBD_CMD_READ, cookie, offset, length) ||
	    !get(c, p, sizeof(p)))
		return false;
	if (wire_get32(p) != NBD_SIMPLE_REPLY_MAGIC ||
	    wire_get64(p + 8) != cookie) {
		wrong(c, "a bad reply");
		return false;
	}
	if (wire_get32(p + 4) == NBD_ESHUTDOWN && may_end(c))
		return false;
	if (wire_get32(p + 4) != 0) {
		wrong(c, "reading %u at %llu: %s", length,
		    (unsigned long long)offset,
		    nbd_error_name(wire_get32(p + 4)));
		return false;
	}
	return get(c, c->data, length) && verify(c, offset, length);
}

/* --- a client's life -------------------------------------------------------- */

static uint64_t
session(struct client *c)
{
	uint64_t left = c->number < STAYERS ? UINT64_MAX : 1 + roll(c, 300);

	c->reads = 0;
	if (begin(c)) {
		c->sessions++;
		/* With a rest, so that the editor has a CPU as well. */
		while (left-- > 0 && !atomic_load(&stop) && read_one(c))
			usleep(1000);
		if (roll(c, 2) == 0 && !atomic_load(&stop))
			request(c, NBD_CMD_DISC, 0, 0, 0);
	} else {
		usleep(2000); /* names come back */
	}
	if (c->fd != -1)
		close(c->fd);
	return c->reads;
}

static void *
client(void *arg)
{
	struct client *c = arg;
	uint64_t reads = 0;

	while (!atomic_load(&stop)) {
		c->name = names[c->number < STAYERS ? c->number % nnames :
		    roll(c, nnames)];
		reads += session(c);
	}
	c->reads = reads;
	return NULL;
}

/* All kinds of ends: DISC, FIN, RST, with a reply unread. */
static void
leave(struct client *c)
{
	struct linger reset = { .l_onoff = 1 };

	switch (roll(c, 4)) {
	case 0:
		request(c, NBD_CMD_DISC, 0, 0, 0);
		break;
	case 1:
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset,
		    sizeof(reset));
		break;
	case 2:
		request(c, NBD_CMD_READ, 0, 0, 65536);
		break;
	}
	close(c->fd);
}

static int
connections(unsigned count)
{
	struct client c = { .dice = 1, .data = malloc(READ_MAX) };

	bool ok = true;

	if (c.data == NULL)
		err(1, "cannot read");
	for (unsigned i = 0; ok && i < count; i++) {
		c.name = names[i % nnames];
		c.reads = 0;
		ok = begin(&c) && read_one(&c);
		if (ok)
			leave(&c);
	}
	free(c.data);
	return ok && atomic_load(&errors) == 0 ? 0 : 1;
}

static int
report(const struct client *list, unsigned count)
{
	uint64_t sessions = 0, reads = 0, refused = 0;

	for (unsigned i = 0; i < count; i++) {
		sessions += list[i].sessions;
		reads += list[i].reads;
		refused += list[i].refused;
	}
	printf("%llu sessions, %llu reads, %llu refused, %u errors\n",
	    (unsigned long long)sessions, (unsigned long long)reads,
	    (unsigned long long)refused, atomic_load(&errors));
	return atomic_load(&errors) == 0 && reads > 0 ? 0 : 1;
}

static int
clients(unsigned count)
{
	static struct client list[CLIENTS_MAX];
	sigset_t ends;
	int sig;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	for (unsigned i = 0; i < count; i++) {
		list[i].number = i;
		list[i].dice = i * 7919 + 1;
		list[i].data = malloc(READ_MAX);
		errno = pthread_create(&list[i].thread, NULL, client,
		    &list[i]);
		if (list[i].data == NULL || errno != 0)
			err(1, "cannot start a client");
	}
	sigwait(&ends, &sig);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(list[i].thread, NULL);
		free(list[i].data);
	}
	return report(list, count);
}

static void
usage(void)
{
	errx(2, "usage: livetest image FILE SIZE VERSION | livetest "
	    "clients|connect PORT COUNT NAME...");
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "image") == 0) {
		make_image(argv[2], strtoull(argv[3], NULL, 10),
		    strtoull(argv[4], NULL, 10));
		return 0;
	}
	if (argc < 5 || atoi(argv[3]) < 1)
		usage();
	port = atoi(argv[2]);
	names = argv + 4;
	nnames = (unsigned)argc - 4;
	if (strcmp(argv[1], "connect") == 0)
		return connections((unsigned)atoi(argv[3]));
	if (strcmp(argv[1], "clients") != 0 || atoi(argv[3]) > CLIENTS_MAX)
		usage();
	return clients((unsigned)atoi(argv[3]));
}
