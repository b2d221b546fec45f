/* client: the handshake, doc/proto.md "Newstyle negotiation". */
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/bench/client.h"
#include "wire/codec.h"
#include "wire/proto.h"

#define REPLY_MAX (16 * 1024) /* longer replies to options are a violation */

struct reply {
	uint32_t type, len;
	unsigned char data[REPLY_MAX];
};

static int
parse_unix(struct target *t, const char *path, struct diag *d)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&t->addr;

	if (strlen(path) >= sizeof(sun->sun_path))
		return diag_set(d, "%s: too long for a socket", path);
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, strlen(path) + 1);
	t->len = sizeof(*sun);
	t->tcp = false;
	return 0;
}

int
target_parse(struct target *t, const char *text, struct diag *d)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai;
	const char *colon, *host = text;
	char name[256];
	size_t len;
	int error;

	memset(t, 0, sizeof(*t));
	if (strchr(text, '/') != NULL)
		return parse_unix(t, text, d);
	if ((colon = strrchr(text, ':')) == NULL)
		return diag_set(
		    d, "%s: want HOST:PORT or the path of a socket", text);
	len = (size_t)(colon - text);
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len >= sizeof(name))
		return diag_set(d, "%s: too long for a host", text);
	memcpy(name, host, len);
	name[len] = '\0';
	if ((error = getaddrinfo(name, colon + 1, &hints, &ai)) != 0)
		return diag_set(d, "%s: %s", text, gai_strerror(error));
	memcpy(&t->addr, ai->ai_addr, ai->ai_addrlen);
	t->len = ai->ai_addrlen;
	t->tcp = true;
	freeaddrinfo(ai);
	return 0;
}

ssize_t
client_recv(struct client *c, void *buf, size_t len, int flags)
{
	return c->tls != NULL ? tls_recv(c->tls, buf, len, flags) :
	                        recv(c->fd, buf, len, flags);
}

ssize_t
client_sendmsg(struct client *c, const struct msghdr *msg, int flags)
{
	return c->tls != NULL ? tls_sendmsg(c->tls, msg, flags) :
	                        sendmsg(c->fd, msg, flags | MSG_NOSIGNAL);
}

static int
get(struct client *c, void *data, size_t len, struct diag *d)
{
	unsigned char *p = data;
	ssize_t n;

	while (len > 0) {
		n = client_recv(c, p, len, 0);
		if (n == 0)
			return diag_set(d, "the server closed the connection "
					   "during the handshake");
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return diag_errno(d, "cannot receive the handshake");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
put(struct client *c, const void *data, size_t len, struct diag *d)
{
	struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	while (iov.iov_len > 0) {
		n = client_sendmsg(c, &msg, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return diag_errno(d, "cannot send the handshake");
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
	}
	return 0;
}

static int
greet(struct client *c, struct diag *d)
{
	unsigned char in[WIRE_GREETING], out[WIRE_CLIENT_FLAGS];

	if (get(c, in, sizeof(in), d) == -1)
		return -1;
	if (wire_get64(in) != NBD_MAGIC ||
	    wire_get64(in + 8) != NBD_OPTION_MAGIC)
		return diag_set(d, "not an NBD server of newstyle");
	c->handshake = wire_get16(in + 16) &
		       (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	/* the client's flags have the values of the server's */
	wire_put32(out, c->handshake);
	return put(c, out, sizeof(out), d);
}

static int
put_option(struct client *c, uint32_t option, const void *data, size_t len,
    struct diag *d)
{
	unsigned char out[WIRE_OPTION + NBD_STRING_MAX + 6];

	wire_put64(out, NBD_OPTION_MAGIC);
	wire_put32(out + 8, option);
	wire_put32(out + 12, (uint32_t)len);
	if (len > 0)
		memcpy(out + WIRE_OPTION, data, len);
	return put(c, out, WIRE_OPTION + len, d);
}

static int
get_reply(struct client *c, uint32_t option, struct reply *r, struct diag *d)
{
	unsigned char in[WIRE_OPTION_REPLY];

	if (get(c, in, sizeof(in), d) == -1)
		return -1;
	if (wire_get64(in) != NBD_REPLY_MAGIC)
		return diag_set(d, "a reply to an option has the wrong magic");
	if (wire_get32(in + 8) != option)
		return diag_set(d, "a reply answers option %u, asked was %u",
		    wire_get32(in + 8), option);
	r->type = wire_get32(in + 12);
	r->len = wire_get32(in + 16);
	if (r->len > sizeof(r->data))
		return diag_set(d, "a reply to an option has %u bytes", r->len);
	return get(c, r->data, r->len, d);
}

static int
start_tls(struct client *c, const char *ca, struct diag *d)
{
	struct reply r;

	if (put_option(c, NBD_OPT_STARTTLS, NULL, 0, d) == -1 ||
	    get_reply(c, NBD_OPT_STARTTLS, &r, d) == -1)
		return -1;
	/* NOLINTNEXTLINE(*UndefinedBinaryOperatorResult): it is set */
	if (r.type != NBD_REP_ACK)
		return diag_set(d, "no TLS: reply %#x: %.*s", r.type,
		    (int)r.len, (const char *)r.data);
	c->tls = tls_open(c->fd, ca, d);
	return c->tls != NULL ? 0 : -1;
}

int
client_open(struct client *c, const struct target *t, struct diag *d)
{
	struct timeval limit = {.tv_sec = CLIENT_TIMEOUT};
	int on = 1;

	memset(c, 0, sizeof(*c));
	c->fd = socket(t->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return diag_errno(d, "cannot make a socket");
	if (connect(c->fd, (const struct sockaddr *)&t->addr, t->len) == -1) {
		diag_errno(d, "cannot connect");
		client_close(c);
		return -1;
	}
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (t->tcp)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (greet(c, d) == -1 ||
	    (t->ca != NULL && start_tls(c, t->ca, d) == -1)) {
		client_close(c);
		return -1;
	}
	return 0;
}

static int
export_name(struct client *c, const char *export, struct diag *d)
{
	unsigned char in[WIRE_EXPORT_NAME], zeroes[NBD_ZEROES];

	if (put_option(c, NBD_OPT_EXPORT_NAME, export, strlen(export), d) ==
		-1 ||
	    get(c, in, sizeof(in), d) == -1)
		return -1;
	c->size = wire_get64(in);
	c->flags = wire_get16(in + 8);
	if (c->handshake & NBD_FLAG_NO_ZEROES)
		return 0;
	return get(c, zeroes, sizeof(zeroes), d);
}

/* 2: go on reading replies; else as client_go(). */
static int
go_reply(
    struct client *c, const char *export, const struct reply *r, struct diag *d)
{
	switch (r->type) {
	case NBD_REP_ACK:
		return 0;
	case NBD_REP_INFO:
		if (r->len >= WIRE_INFO_EXPORT &&
		    wire_get16(r->data) == NBD_INFO_EXPORT) {
			c->size = wire_get64(r->data + 2);
			c->flags = wire_get16(r->data + 10);
		}
		return 2;
	case NBD_REP_ERR_UNSUP:
		return export_name(c, export, d);
	case NBD_REP_ERR_UNKNOWN:
		return 1;
	default:
		return diag_set(d, "export \"%s\": reply %#x: %.*s", export,
		    r->type, (int)r->len, (const char *)r->data);
	}
}

int
client_go(struct client *c, const char *export, struct diag *d)
{
	unsigned char data[4 + NBD_STRING_MAX + 2];
	size_t len = strlen(export);
	struct reply r;
	int result = 2;

	if (len > NBD_STRING_MAX)
		return diag_set(d, "an export's name has %zu bytes", len);
	if (!(c->handshake & NBD_FLAG_FIXED_NEWSTYLE))
		return export_name(c, export, d);
	wire_put32(data, (uint32_t)len);
	memcpy(data + 4, export, len);
	wire_put16(data + 4 + len, 0); /* no information but the export's */
	if (put_option(c, NBD_OPT_GO, data, len + 6, d) == -1)
		return -1;
	while (result == 2) {
		if (get_reply(c, NBD_OPT_GO, &r, d) == -1)
			return -1;
		result = go_reply(c, export, &r, d);
	}
	return result;
}

int
client_structured(struct client *c, struct diag *d)
{
	struct reply r;

	if (put_option(c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, d) == -1 ||
	    get_reply(c, NBD_OPT_STRUCTURED_REPLY, &r, d) == -1)
		return -1;
	/* NOLINTNEXTLINE(*UndefinedBinaryOperatorResult): it is set */
	if (r.type != NBD_REP_ACK)
		return diag_set(d, "no structured replies: reply %#x: %.*s",
		    r.type, (int)r.len, (const char *)r.data);
	return 0;
}

int64_t
client_list(struct client *c, struct diag *d)
{
	int64_t count = 0;
	struct reply r;

	if (put_option(c, NBD_OPT_LIST, NULL, 0, d) == -1)
		return -1;
	for (;;) {
		if (get_reply(c, NBD_OPT_LIST, &r, d) == -1)
			return -1;
		/* NOLINTNEXTLINE(*UndefinedBinaryOperatorResult): it is set */
		if (r.type == NBD_REP_ACK)
			return count;
		if (r.type != NBD_REP_SERVER)
			return diag_set(d, "cannot list: reply %#x: %.*s",
			    r.type, (int)r.len, (const char *)r.data);
		count++;
	}
}

void
client_close(struct client *c)
{
	tls_close(c->tls);
	c->tls = NULL;
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}
