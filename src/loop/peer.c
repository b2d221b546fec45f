/* peer: sockaddr to address bytes and text, and what TCP is told. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <linux/vm_sockets.h>

#include <stdio.h>
#include <string.h>

#include <bsd/string.h>

#include "loop/peer.h"

#define KEEPIDLE_MAX 32767 /* s, the kernel's */

/*
 * Bytes that the kernel keeps for a client beyond what its window takes.  One
 * that never reads holds 295 KiB of the kernel's memory with this, 4.1 MiB
 * without (ss -tm).  What is on its way is not limited, as it would be by
 * SO_SNDBUF, so that long lines stay full.  Reading 1 MiB at a time in four
 * connections came to 5.5 and 5.7 GiB/s with and without, 256 KiB in one to
 * 2.7 and 1.9 GiB/s, at 0.12 and 0.14, 0.18 and 0.26 CPU seconds per GiB:
 * nothing that the noise does not hide.  (Means of 8 alternate runs on two
 * busy CPUs in a virtual machine, 2026; nbdload.)
 */
#define UNSENT_MAX (256 * 1024)

static void
from_inet(struct peer *p, const struct sockaddr_in *sin)
{
	char text[INET_ADDRSTRLEN];

	memset(p->addr + 10, 0xff, 2); /* ::ffff:a.b.c.d */
	memcpy(p->addr + 12, &sin->sin_addr, 4);
	p->port = ntohs(sin->sin_port);
	inet_ntop(AF_INET, &sin->sin_addr, text, sizeof(text));
	snprintf(p->text, sizeof(p->text), "%s:%u", text, p->port);
}

static void
from_inet6(struct peer *p, const struct sockaddr_in6 *sin6)
{
	char text[INET6_ADDRSTRLEN];

	struct sockaddr_in sin = { .sin_port = sin6->sin6_port };

	/* A socket that systemd opened may be one for both families. */
	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
		memcpy(&sin.sin_addr, &sin6->sin6_addr.s6_addr[12], 4);
		from_inet(p, &sin);
		return;
	}
	memcpy(p->addr, &sin6->sin6_addr, 16);
	p->port = ntohs(sin6->sin6_port);
	inet_ntop(AF_INET6, &sin6->sin6_addr, text, sizeof(text));
	snprintf(p->text, sizeof(p->text), "[%s]:%u", text, p->port);
}

static void
from_vsock(struct peer *p, const struct sockaddr_vm *vm)
{
	peer_set_vsock(p, vm->svm_cid);
	snprintf(p->text, sizeof(p->text), "vsock:%u:%u", vm->svm_cid,
	    vm->svm_port);
}

void
peer_from(struct peer *p, const struct sockaddr_storage *ss)
{
	memset(p, 0, sizeof(*p));
	switch (ss->ss_family) {
	case AF_INET:
		from_inet(p, (const struct sockaddr_in *)ss);
		break;
	case AF_INET6:
		from_inet6(p, (const struct sockaddr_in6 *)ss);
		break;
	case AF_VSOCK:
		from_vsock(p, (const struct sockaddr_vm *)ss);
		break;
	default:
		p->is_unix = true;
		strlcpy(p->text, "unix", sizeof(p->text));
		break;
	}
}

struct network_key
peer_network(const struct peer *p)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct network_key key = { 0 };

	if (p->is_unix)
		return key;
	memcpy(key.bytes, p->addr, sizeof(key.bytes));
	if (memcmp(p->addr, mapped, sizeof(mapped)) != 0)
		memset(key.bytes + 8, 0, 8);
	return key;
}

/* ms without an answer until a connection is given up. */
static unsigned
user_timeout(unsigned keepalive)
{
	return keepalive * 1000 / 6 * 5;
}

bool
peer_is_tuned(int fd, unsigned keepalive)
{
	unsigned ms;
	socklen_t len = sizeof(ms);

	return getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len) == 0 &&
	    ms == user_timeout(keepalive);
}

/*
 * A reply is sent when it is ready, and a peer that vanished without a word
 * is found within the time of "keepalive": idle, by probes; with data on its
 * way, by TCP_USER_TIMEOUT.
 */
void
peer_tune(int fd, unsigned keepalive)
{
	int on = 1, count = 5;
	int idle = keepalive < KEEPIDLE_MAX * 2 ? (int)keepalive / 2 :
	    KEEPIDLE_MAX;
	int interval = (int)keepalive / 12;
	unsigned ms = user_timeout(keepalive);
	int unsent = UNSENT_MAX;

	if (interval < 1)
		interval = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval,
	    sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
	    sizeof(unsent));
}
