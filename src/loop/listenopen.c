/* listenopen: sockets for the addresses of the configuration. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "loop/listenpriv.h"
#include "loop/peer.h"

#define LISTEN_BACKLOG 4096

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_storage ss;
};

static socklen_t
address_of(union address *u, const struct listen_addr *a)
{
	memset(u, 0, sizeof(*u));
	if (a->is_unix) {
		u->un.sun_family = AF_UNIX;
		strlcpy(u->un.sun_path, a->path, sizeof(u->un.sun_path));
		return sizeof(u->un);
	}
	if (inet_pton(AF_INET, a->host, &u->in.sin_addr) == 1) {
		u->in.sin_family = AF_INET;
		u->in.sin_port = htons((uint16_t)a->port);
		return sizeof(u->in);
	}
	inet_pton(AF_INET6, a->host, &u->in6.sin6_addr);
	u->in6.sin6_family = AF_INET6;
	u->in6.sin6_port = htons((uint16_t)a->port);
	return sizeof(u->in6);
}

/*
 * A unix socket that nobody answers on was left by a process that died.  A
 * file that is no socket refuses connections with the same error.
 */
static bool
stale(const union address *u)
{
	struct stat st;
	bool refused;
	int fd;

	if (lstat(u->un.sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return false;
	refused = connect(fd, &u->sa, sizeof(u->un)) == -1 &&
	    errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int
bind_socket(int fd, const union address *u, socklen_t len)
{
	int on = 1;

	if (u->sa.sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (u->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &u->sa, len) == 0)
		return 0;
	if (errno != EADDRINUSE || u->sa.sa_family != AF_UNIX)
		return -1;
	if (!stale(u)) {
		errno = EADDRINUSE;
		return -1;
	}
	unlink(u->un.sun_path);
	return bind(fd, &u->sa, len);
}

static int
open_socket(const union address *u, socklen_t len)
{
	int fd = socket(u->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	if (bind_socket(fd, u, len) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	file_close(fd);
	return -1;
}

/* The address as bound: port 0 has become a real one. */
static void
name_socket(struct listener *k)
{
	union address u;
	socklen_t len = sizeof(u);
	struct peer p;

	if (k->addr.is_unix) {
		snprintf(k->text, sizeof(k->text), "unix:%s", k->addr.path);
		return;
	}
	memset(&u, 0, sizeof(u));
	getsockname(k->fd, &u.sa, &len);
	peer_from(&p, &u.ss);
	strlcpy(k->text, p.text, sizeof(k->text));
}

static int
add(struct listeners *l, const struct listen_addr *a, struct diag *d)
{
	struct listener *list, *k;
	union address u;
	socklen_t len = address_of(&u, a);
	int fd = open_socket(&u, len);

	if (fd == -1 && a->is_unix)
		return diag_errno(d, "cannot listen on unix:%s", a->path);
	if (fd == -1)
		return diag_errno(d, "cannot listen on %s port %u", a->host,
		    a->port);
	list = reallocarray(l->list, l->count + 1, sizeof(*list));
	if (list == NULL) {
		close(fd);
		return diag_errno(d, "cannot listen");
	}
	l->list = list;
	k = &l->list[l->count++];
	memset(k, 0, sizeof(*k));
	k->fd = fd;
	k->addr = *a;
	name_socket(k);
	return 0;
}

static bool
wildcard(const struct listen_addr *a)
{
	return !a->is_unix && (strcmp(a->host, "::") == 0 ||
	    strcmp(a->host, "0.0.0.0") == 0);
}

/* A wildcard of a family that the machine has not got is no error. */
static int
add_family(struct listeners *l, const struct listen_addr *a, struct diag *d)
{
	if (add(l, a, d) == 0)
		return 0;
	if (wildcard(a) && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		log_info("listen", "%s", d->text);
		return 0;
	}
	return -1;
}

/* Without a host both wildcards are meant. */
static int
add_text(struct listeners *l, const char *text, struct diag *d)
{
	struct listen_addr a;

	if (config_listen(&a, text, d) == -1)
		return -1;
	if (a.is_unix || a.host[0] != '\0')
		return add_family(l, &a, d);
	strlcpy(a.host, "::", sizeof(a.host));
	if (add_family(l, &a, d) == -1)
		return -1;
	strlcpy(a.host, "0.0.0.0", sizeof(a.host));
	return add_family(l, &a, d);
}

static int
add_list(struct listeners *l, const char *list, struct diag *d)
{
	const char *item;
	char text[256];
	size_t len;

	while ((item = text_item(&list, &len)) != NULL) {
		if (len >= sizeof(text))
			return diag_set(d, "listen address is too long");
		memcpy(text, item, len);
		text[len] = '\0';
		if (add_text(l, text, d) == -1)
			return -1;
	}
	if (l->count == 0)
		return diag_set(d, "no address to listen on could be opened");
	return 0;
}

struct listeners *
listeners_open(const char *list, struct diag *d)
{
	struct listeners *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		diag_errno(d, "cannot listen");
		return NULL;
	}
	if (add_list(l, list, d) == -1) {
		listeners_free(l);
		return NULL;
	}
	return l;
}

void
listeners_close(struct listeners *l)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->list[i].fd == -1)
			continue;
		close(l->list[i].fd);
		l->list[i].fd = -1;
		if (l->list[i].addr.is_unix)
			unlink(l->list[i].addr.path);
	}
}

void
listeners_free(struct listeners *l)
{
	if (l == NULL)
		return;
	listeners_close(l);
	free(l->list);
	free(l);
}

int
listeners_text(const struct listeners *l, struct buf *b)
{
	for (size_t i = 0; i < l->count; i++)
		if (buf_addf(b, "%s%s", i > 0 ? ", " : "",
		    l->list[i].text) == -1)
			return -1;
	return 0;
}
