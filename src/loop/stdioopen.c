/*
 * stdioopen: what standard input and output are.  Their flags are shared with
 * whoever else has them open, so they stay as they are.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "loop/peer.h"
#include "loop/sock.h"
#include "loop/stdiopriv.h"

static int
check_socket(int fd, const char *which, struct diag *d)
{
	if (sock_option(fd, SO_TYPE) != SOCK_STREAM)
		return diag_set(d, "%s is a socket of datagrams; NBD needs a "
		    "stream", which);
	if (sock_option(fd, SO_ACCEPTCONN) == 1)
		return diag_set(d, "%s is a listening socket; --stdio wants one "
		    "client's (inetd: nowait; systemd: Accept=yes)", which);
	return 0;
}

static int
look(int fd, const char *which, bool *is_socket, mode_t *mode, struct diag *d)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return diag_set(d, "%s is not open", which);
	*is_socket = S_ISSOCK(st.st_mode);
	*mode = st.st_mode;
	return *is_socket ? check_socket(fd, which, d) : 0;
}

/*
 * A pipe opened once more has flags of its own.  That may be forbidden; then
 * the pipe's guarantees have to do (pipe(7), PIPE_BUF).
 */
static void
own_pipe(struct stdio *h)
{
	int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	h->way = STDIO_PIPE;
	if (fd == -1)
		return;
	h->out = fd;
	h->way = STDIO_PLAIN;
}

/*
 * Whoever is at the other end.  A client over the network that has gone by now
 * has no address any more, and is not taken for a local one.
 */
static void
socket_peer(struct stdio *h)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	if (sock_option(h->in, SO_DOMAIN) == AF_UNIX ||
	    getpeername(h->in, (struct sockaddr *)&ss, &len) == 0)
		peer_from(&h->peer, &ss);
	else
		strlcpy(h->peer.text, "gone", sizeof(h->peer.text));
}

/* Without a socket it is whoever started us. */
static void
find_peer(struct stdio *h)
{
	if (h->in_socket) {
		socket_peer(h);
		return;
	}
	h->peer.is_unix = true;
	strlcpy(h->peer.text, "stdio", sizeof(h->peer.text));
}

int
stdio_open(struct stdio *h, struct diag *d)
{
	bool socket_out = false;
	mode_t mode = 0;

	h->in = STDIN_FILENO;
	h->out = STDOUT_FILENO;
	if (look(h->in, "standard input", &h->in_socket, &mode, d) == -1 ||
	    look(h->out, "standard output", &socket_out, &mode, d) == -1)
		return -1;
	find_peer(h);
	if (socket_out)
		h->way = STDIO_SOCKET;
	else if (S_ISFIFO(mode))
		own_pipe(h);
	else
		h->way = STDIO_PLAIN;
	return 0;
}
