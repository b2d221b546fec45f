/* passed: the protocol is three variables, so no library is needed for it. */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "loop/passed.h"
#include "loop/sock.h"

#define FIRST 3 /* SD_LISTEN_FDS_START */

/* What the variable says, as a number; -1: nothing. */
static long long
number(const char *name, const char **error)
{
	const char *text = getenv(name);

	*error = NULL;
	if (text == NULL)
		return -1;
	return strtonum(text, 0, INT_MAX, error);
}

/* Each gets its name, or "unknown" as sd_listen_fds_with_names(3) has it. */
static void
give_names(struct passed *p)
{
	const char *names = getenv("LISTEN_FDNAMES");
	size_t len;

	for (size_t i = 0; i < p->count; i++) {
		if (names == NULL) {
			strlcpy(p->list[i].name, "unknown",
			    sizeof(p->list[i].name));
			continue;
		}
		len = strcspn(names, ":");
		if (len < sizeof(p->list[i].name))
			memcpy(p->list[i].name, names, len);
		names = names[len] == ':' ? names + len + 1 : NULL;
	}
}

static int
take(struct passed *p, size_t count, struct diag *d)
{
	p->list = calloc(count, sizeof(*p->list));
	if (p->list == NULL)
		return diag_errno(d, "cannot take over passed sockets");
	for (; p->count < count; p->count++) {
		p->list[p->count].fd = FIRST + (int)p->count;
		if (fcntl(p->list[p->count].fd, F_SETFD, FD_CLOEXEC) == -1)
			return diag_set(d, "LISTEN_FDS tells of %zu sockets, "
			    "but descriptor %d is not open", count,
			    p->list[p->count].fd);
	}
	give_names(p);
	return 0;
}

static int
take_told(struct passed *p, struct diag *d)
{
	const char *error;
	long long pid, count;

	pid = number("LISTEN_PID", &error);
	if (error != NULL || pid != getpid())
		return 0; /* for another process, whose variables leaked */
	count = number("LISTEN_FDS", &error);
	if (error != NULL || count > PASSED_MAX)
		return diag_set(d, "LISTEN_FDS is \"%s\"; right is a number of "
		    "sockets up to %d", getenv("LISTEN_FDS"), PASSED_MAX);
	return count > 0 ? take(p, (size_t)count, d) : 0;
}

int
passed_take(struct passed *p, struct diag *d)
{
	int rc;

	memset(p, 0, sizeof(*p));
	rc = take_told(p, d);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return rc;
}

void
passed_free(struct passed *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].fd != -1)
			close(p->list[i].fd);
	free(p->list);
	memset(p, 0, sizeof(*p));
}

static bool
known_family(int family)
{
	return family == AF_INET || family == AF_INET6 || family == AF_UNIX ||
	    family == AF_VSOCK;
}

int
passed_check(const struct passed_socket *s, struct diag *d)
{
	int flags = fcntl(s->fd, F_GETFL);

	if (sock_option(s->fd, SO_TYPE) != SOCK_STREAM ||
	    sock_option(s->fd, SO_ACCEPTCONN) != 1 ||
	    !known_family(sock_option(s->fd, SO_DOMAIN)))
		return diag_set(d, "descriptor %d, passed as \"%s\", is not a "
		    "listening stream socket; ListenStream= with Accept=no is "
		    "what makes one", s->fd, s->name);
	if (fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return diag_errno(d, "cannot listen on descriptor %d", s->fd);
	return 0;
}

int
passed_names(const struct passed *p, struct buf *b)
{
	for (size_t i = 0; i < p->count; i++)
		if (buf_addf(b, "%s%s", i > 0 ? ", " : "",
		    p->list[i].name) == -1)
			return -1;
	return 0;
}
