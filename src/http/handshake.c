/*
 * handshake: connects, reads the greeting, ends with NBD_OPT_ABORT.  Who is
 * turned away at once has its answer, too: only a daemon that works does that,
 * when no export is for this machine, or when it is full.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <netdb.h>
#include <netinet/in.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/handshake.h"
#include "spool/config.h"
#include "wire/codec.h"
#include "wire/proto.h"

struct talk {
	int fd;
	uint64_t deadline; /* CLOCK_MONOTONIC in ns */
};

/* --- waiting -------------------------------------------------------------- */

static int
wait_for(const struct talk *t, short events)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC);
	struct pollfd p = { .fd = t->fd, .events = events };
	int n = 0;

	if (now < t->deadline)
		n = poll(&p, 1, (int)((t->deadline - now) / CLOCK_MS) + 1);
	if (n == 0)
		errno = ETIMEDOUT;
	return n == 1 ? 0 : -1;
}

static int
receive(const struct talk *t, void *to, size_t len)
{
	char *at = to;
	ssize_t n;

	for (; len > 0; at += n, len -= (size_t)n) {
		if (wait_for(t, POLLIN) != 0)
			return -1;
		if ((n = recv(t->fd, at, len, 0)) == 0)
			errno = ECONNRESET;
		if (n <= 0)
			return -1;
	}
	return 0;
}

/* A few bytes into an empty socket: they fit. */
static int
transmit(const struct talk *t, const void *from, size_t len)
{
	return send(t->fd, from, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

/* --- connecting ----------------------------------------------------------- */

static int
connect_to(struct talk *t, const struct sockaddr *sa, socklen_t len)
{
	int error = 0;
	socklen_t size = sizeof(error);

	t->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (t->fd == -1)
		return -1;
	if (connect(t->fd, sa, len) == 0)
		return 0;
	if (errno != EINPROGRESS || wait_for(t, POLLOUT) != 0)
		return -1;
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return -1;
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
connect_unix(struct talk *t, const struct listen_addr *a)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t len = strlen(a->path);

	if (len >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(un.sun_path, a->path, len + 1);
	if (a->path[0] == '@')
		un.sun_path[0] = '\0';
	return connect_to(t, (struct sockaddr *)&un, (socklen_t)(offsetof(
	    struct sockaddr_un, sun_path) + len + (a->path[0] != '@')));
}

/* Wildcards are reached at the loopback address of their family. */
static int
connect_tcp(struct talk *t, const struct listen_addr *a)
{
	const char *host = a->host;
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST |
	    AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *ai;
	char port[16];
	int rc;

	if (strcmp(host, "::") == 0)
		host = "::1";
	else if (host[0] == '\0' || strcmp(host, "*") == 0 ||
	    strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	snprintf(port, sizeof(port), "%u", a->port);
	if (getaddrinfo(host, port, &hints, &ai) != 0) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	rc = connect_to(t, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(ai);
	return rc;
}

static int
open_one(struct talk *t, const char *listen, struct diag *d)
{
	struct listen_addr a;
	int rc = -1;

	t->fd = -1;
	if (config_listen(&a, listen, d) != 0)
		return -1;
	if (a.kind == LISTEN_TCP)
		rc = connect_tcp(t, &a);
	else if (a.kind == LISTEN_UNIX)
		rc = connect_unix(t, &a);
	else
		errno = EAFNOSUPPORT;
	return rc == 0 ? 0 : diag_errno(d, "cannot connect to nbdmuxd at %s",
	    listen);
}

/* --- talking -------------------------------------------------------------- */

static int
converse(const struct talk *t, struct diag *d)
{
	unsigned char in[WIRE_GREETING], reply[WIRE_OPTION_REPLY];
	unsigned char out[WIRE_CLIENT_FLAGS + WIRE_OPTION];

	if (receive(t, in, sizeof(in)) != 0)
		return errno == ECONNRESET ? 0 :
		    diag_errno(d, "nbdmuxd sends no greeting");
	if (wire_get64(in) != NBD_MAGIC || wire_get64(in + 8) !=
	    NBD_OPTION_MAGIC)
		return diag_set(d, "what answers there is no NBD server");
	wire_put32(out, wire_get16(in + 16) & (NBD_FLAG_C_FIXED_NEWSTYLE |
	    NBD_FLAG_C_NO_ZEROES));
	wire_put64(out + 4, NBD_OPTION_MAGIC);
	wire_put32(out + 12, NBD_OPT_ABORT);
	wire_put32(out + 16, 0);
	if (transmit(t, out, sizeof(out)) != 0 ||
	    receive(t, reply, sizeof(reply)) != 0)
		return diag_errno(d, "nbdmuxd does not answer an option");
	if (wire_get64(reply) != NBD_REPLY_MAGIC ||
	    wire_get32(reply + 8) != NBD_OPT_ABORT)
		return diag_set(d, "nbdmuxd answers an option with nonsense");
	return 0;
}

int
handshake_try(const char *listen, int ms, struct diag *d)
{
	struct talk t = { .deadline = clock_now(CLOCK_MONOTONIC) +
	    (uint64_t)ms * CLOCK_MS };
	const char *cursor = listen, *item;
	char one[256];
	size_t len;
	int rc = -1;

	diag_set(d, "nbdmuxd listens nowhere");
	while (rc != 0 && (item = text_item(&cursor, &len)) != NULL) {
		snprintf(one, sizeof(one), "%.*s", (int)len, item);
		rc = open_one(&t, one, d);
		if (rc == 0)
			rc = converse(&t, d);
		if (t.fd != -1)
			close(t.fd);
	}
	return rc;
}
