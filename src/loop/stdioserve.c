/*
 * stdioserve: bytes from standard input into the session and back.  It waits
 * in one place, poll(2), with one deadline.
 */
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/connlog.h"
#include "loop/peer.h"
#include "loop/refusals.h"
#include "loop/stdiopriv.h"

#define STDIO_IOV 64
#define CLOSING_SECONDS 5  /* for the last output, from each bit of it */
#define HAGGLING_SECONDS 1 /* for a handshake when a signal came */

static void
arm(struct stdio *h, uint64_t seconds)
{
	h->deadline = clock_now(CLOCK_MONOTONIC) + seconds * CLOCK_SECOND;
}

static void
end(struct stdio *h, const char *reason)
{
	if (h->reason == NULL)
		h->reason = reason;
}

/* A pipe that is ready takes this much without waiting, and not always more. */
static int
cut(struct iovec *iov, int count)
{
	size_t room = PIPE_BUF;

	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len >= room) {
			iov[i].iov_len = room;
			return i + 1;
		}
		room -= iov[i].iov_len;
	}
	return count;
}

static bool
ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1;
}

/* One call's worth: bytes sent, 0 when there is nothing, -1 with errno. */
static ssize_t
send_some(struct stdio *h)
{
	struct iovec iov[STDIO_IOV];
	struct msghdr msg = { .msg_iov = iov };
	int count = session_output(h->session, iov, STDIO_IOV);

	if (count == 0)
		return 0;
	msg.msg_iovlen = (size_t)count;
	switch (h->way) {
	case STDIO_SOCKET:
		return sendmsg(h->out, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	case STDIO_PIPE:
		if (!ready(h->out)) {
			errno = EAGAIN;
			return -1;
		}
		return writev(h->out, iov, cut(iov, count));
	default:
		return writev(h->out, iov, count);
	}
}

/* What is taken at the moment. */
static size_t
flush(struct stdio *h)
{
	size_t total = 0;
	ssize_t n;

	while ((n = send_some(h)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			if (errno != EAGAIN)
				end(h, "connection lost while sending");
			return total;
		}
		session_sent(h->session, (size_t)n);
		total += (size_t)n;
	}
	return total;
}

/* No more input is wanted: what is queued may leave, while it does. */
static bool
last_words(const struct stdio *h)
{
	return h->eof || h->verdict == SESSION_CLOSE;
}

static void
set_deadline(struct stdio *h, bool moved)
{
	if (last_words(h)) {
		if (moved || h->deadline == 0)
			arm(h, CLOSING_SECONDS);
	} else if (!h->stopping && session_in_transmission(h->session)) {
		h->deadline = 0;
	}
}

/* Run the session on what is there: does it move by itself? */
static bool
turn(struct stdio *h)
{
	size_t used = 0, sent;
	bool worked;

	h->verdict = session_run(h->session, h->input + h->start,
	    h->end - h->start, &used);
	h->start += used;
	worked = stdio_work(h);
	sent = flush(h);
	set_deadline(h, sent > 0);
	return h->reason == NULL && h->verdict != SESSION_CLOSE &&
	    (h->verdict == SESSION_AGAIN || worked ||
	    (h->verdict == SESSION_WAIT && sent > 0));
}

static bool
wants_input(const struct stdio *h)
{
	return !h->eof && h->verdict == SESSION_MORE && h->start == h->end;
}

/* Told to stop, and all that has arrived is answered, as far as is known. */
static bool
finished(const struct stdio *h)
{
	return h->stopping && h->verdict == SESSION_MORE &&
	    session_in_transmission(h->session) && session_quiet(h->session);
}

static void
receive(struct stdio *h)
{
	void *place = h->input;
	size_t room = session_space(h->session, &place);
	bool direct = room > 0;
	ssize_t n;

	if (!direct)
		room = sizeof(h->input);
	n = h->in_socket ? recv(h->in, place, room, MSG_DONTWAIT) :
	                   read(h->in, place, room);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		end(h, "connection lost while receiving");
	h->eof = n == 0;
	if (n > 0 && direct) {
		session_filled(h->session, (size_t)n);
	} else if (n > 0) {
		h->start = 0;
		h->end = (size_t)n;
	}
}

/* The first asks for an orderly end, the second for the end. */
static void
stop(struct stdio *h)
{
	struct signalfd_siginfo info;

	if (read(h->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (h->stopping)
		end(h, "told twice to end");
	h->stopping = true;
	session_shutdown(h->session, "server is shutting down");
	arm(h, session_in_transmission(h->session) ?
	    h->settings->config.drain_timeout : HAGGLING_SECONDS);
}

static void
too_late(struct stdio *h)
{
	if (h->verdict == SESSION_CLOSE || h->stopping)
		end(h, session_reason(h->session));
	else if (h->eof)
		end(h, "client took no more replies");
	else
		end(h, "handshake took too long");
}

static int
timeout(const struct stdio *h)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC);

	if (finished(h))
		return 0;
	if (h->deadline == 0)
		return -1;
	return h->deadline <= now ? 0 :
	    (int)((h->deadline - now) / CLOCK_MS + 1);
}

/* Until there is something to do. */
static void
wait_more(struct stdio *h)
{
	bool in = wants_input(h), out = session_queued(h->session) > 0;
	struct pollfd fds[] = {
		{ .fd = in ? h->in : -1, .events = POLLIN },
		{ .fd = out ? h->out : -1, .events = POLLOUT },
		{ .fd = h->signals, .events = POLLIN },
	};
	int n;

	if (!in && !out) {
		end(h, h->verdict == SESSION_CLOSE ?
		    session_reason(h->session) : "client closed the connection");
		return;
	}
	n = poll(fds, 3, timeout(h));
	if (n == 0 && finished(h))
		end(h, session_reason(h->session));
	else if (n == 0)
		too_late(h);
	if (n <= 0)
		return;
	if (fds[0].revents != 0)
		receive(h);
	if (fds[2].revents != 0)
		stop(h);
}

/* Unread bytes would make the kernel reset the connection, and cost the
 * client replies that it has not read yet. */
static void
swallow(struct stdio *h)
{
	for (int i = 0; h->in_socket && i < 16; i++)
		if (recv(h->in, h->input, sizeof(h->input), MSG_DONTWAIT) <= 0)
			return;
}

static void
begin(struct stdio *h)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h->signals != -1) /* or they end us as they always do */
		sigprocmask(SIG_BLOCK, &set, NULL);
	if (!h->peer.is_unix)
		peer_tune(h->out, (unsigned)h->settings->config.keepalive);
	arm(h, h->settings->config.handshake_timeout);
}

void
stdio_serve(struct stdio *h)
{
	begin(h);
	while (h->reason == NULL)
		if (!turn(h) && h->reason == NULL)
			wait_more(h);
	stdio_work(h);
	if (session_refused(h->session))
		refusals_log(h->refusals, REFUSED_HANDSHAKE, &h->peer, NULL, 0,
		    h->reason);
	connlog_end(&h->peer, session_generation(h->session),
	    h->entered ? &h->counters : NULL,
	    h->entered ? LEVEL_INFO : LEVEL_DEBUG, h->reason);
	swallow(h);
}
