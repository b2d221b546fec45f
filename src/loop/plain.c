/* plain: the session's bytes as they are. */
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <errno.h>

#include "loop/transport.h"

static size_t
length_of(const struct iovec *iov, size_t count)
{
	size_t length = 0;

	for (size_t i = 0; i < count; i++)
		length += iov[i].iov_len;
	return length;
}

/* The file is of a system that has no such call: its bytes are read. */
static bool
unsendable(int error)
{
	return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
}

static ssize_t
send_file(struct conn *c, int fd, uint64_t offset, size_t len)
{
	off_t at = (off_t)offset;
	ssize_t n = sendfile(c->fd, fd, &at, len);

	if (n == 0) {
		errno = EIO;
		return -1;
	}
	if (n == -1 && unsendable(errno))
		errno = session_output_refused(c->session) == 0 ? EINTR :
		    ENOMEM;
	return n;
}

/*
 * One system call's worth of output: bytes sent, 0 when there is nothing, -1
 * with errno.
 */
static ssize_t
send_some(struct conn *c)
{
	struct iovec iov[TRANSPORT_IOV];
	struct msghdr msg = { .msg_iov = iov };
	uint64_t offset;
	size_t len;
	int fd, more;

	msg.msg_iovlen = (size_t)session_output(c->session, iov,
	    TRANSPORT_IOV);
	if (msg.msg_iovlen > 0) {
		more = session_queued(c->session) >
		    length_of(iov, msg.msg_iovlen) ? MSG_MORE : 0;
		return sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT |
		    more);
	}
	len = session_output_file(c->session, &fd, &offset);
	return len == 0 ? 0 : send_file(c, fd, offset, len);
}

static ssize_t
plain_flush(struct conn *c)
{
	ssize_t n, total = 0;

	for (;;) {
		n = send_some(c);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? total : -1;
		if (n == 0)
			return total;
		session_sent(c->session, (size_t)n);
		total += n;
	}
}

static ssize_t
plain_receive(struct conn *c, void *place, size_t room)
{
	return recv(c->fd, place, room, MSG_DONTWAIT);
}

const struct transport transport_plain = {
	.flush = plain_flush,
	.receive = plain_receive,
};
