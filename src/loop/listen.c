/* listen: accepting, with limits, and pausing while descriptors are out. */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/conn.h"
#include "loop/handshakes.h"
#include "loop/limits.h"
#include "loop/listenpriv.h"
#include "loop/loop.h"
#include "loop/peer.h"
#include "loop/refusals.h"
#include "loop/server.h"

#define ACCEPT_PAUSE 1.  /* seconds, unless a descriptor is freed before */

/* A new connection on its way to its loop. */
struct arrival {
	struct job job;
	struct loop *loop;
	int fd;
	struct peer peer;
};

static void
arrived(struct job *job)
{
	struct arrival *a = (struct arrival *)job;

	conn_open(a->loop, a->fd, &a->peer);
	free(a);
}

static const char *
limit_text(enum limit limit)
{
	switch (limit) {
	case LIMIT_TOTAL:
		return "max-connections reached";
	case LIMIT_ADDRESS:
		return "max-per-address reached";
	default:
		return "out of memory";
	}
}

/* Count it, or tell the log why not. */
static bool
admit(struct server *s, const struct config *c, const struct peer *p)
{
	enum limit limit;

	if (!registry_welcomes(s->registry, p)) {
		refusals_address(s->refusals, p);
		return false;
	}
	limit = limits_enter(s->limits, p, s->started->config.max_connections,
	    c->max_per_address);
	if (limit != LIMIT_NONE)
		refusals_log(s->refusals, REFUSED_LIMIT, p, NULL, 0,
		    limit_text(limit));
	return limit == LIMIT_NONE;
}

/*
 * Clients have their options from the listening socket: one call each that
 * finds them there, and not seven to set them.  Those that came before it was
 * tuned are tuned themselves.
 */
static void
tune(struct listeners *l, int fd, unsigned keepalive)
{
	if (l->keepalive != keepalive)
		for (size_t i = 0; i < l->count; i++)
			peer_tune(l->list[i].fd, keepalive);
	l->keepalive = keepalive;
	if (!peer_is_tuned(fd, keepalive))
		peer_tune(fd, keepalive);
}

static void
hand_over(struct listeners *l, int fd, const struct sockaddr_storage *ss)
{
	struct settings *st = server_settings(l->server);
	struct arrival *a = calloc(1, sizeof(*a));
	struct peer peer;

	peer_from(&peer, ss);
	if (a == NULL)
		refusals_log(l->server->refusals, REFUSED_LIMIT, &peer, NULL,
		    0, limit_text(LIMIT_MEMORY));
	if (a == NULL || !admit(l->server, &st->config, &peer)) {
		close(fd);
		free(a);
	} else {
		if (!peer.is_unix)
			tune(l, fd, (unsigned)st->config.keepalive);
		a->loop = server_loop(l->server);
		a->fd = fd;
		a->peer = peer;
		a->job.run = arrived;
		atomic_fetch_add(&a->loop->load, 1);
		loop_post(a->loop, &a->job);
	}
	settings_unref(st);
}

static void
watch_all(struct listeners *l, bool on)
{
	for (size_t i = 0; i < l->count; i++) {
		if (on)
			ev_io_start(l->ev, &l->list[i].io);
		else
			ev_io_stop(l->ev, &l->list[i].io);
	}
}

/* Out of descriptors or memory: clients wait in the backlog. */
static void
pause_all(struct listeners *l, int error)
{
	if (atomic_exchange(&l->paused, true))
		return;
	if (!l->short_said)
		log_error("accept", "%s; new clients wait until connections "
		    "end", strerror(error));
	l->short_said = true;
	watch_all(l, false);
	ev_timer_set(&l->timer, ACCEPT_PAUSE, 0.);
	ev_timer_start(l->ev, &l->timer);
}

static void
go_on(struct listeners *l)
{
	if (l->closed || !atomic_exchange(&l->paused, false))
		return;
	ev_timer_stop(l->ev, &l->timer);
	watch_all(l, true);
}

static void
on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev;
	(void)revents;
	go_on(w->data);
}

static void
on_freed(struct ev_loop *ev, ev_async *w, int revents)
{
	(void)ev;
	(void)revents;
	go_on(w->data);
}

void
listeners_wake(struct listeners *l)
{
	if (atomic_load_explicit(&l->paused, memory_order_relaxed))
		ev_async_send(l->ev, &l->freed);
}

static bool
passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO ||
	    error == ENETDOWN || error == ENETUNREACH || error == EPERM;
}

static void
on_accept(struct ev_loop *ev, ev_io *w, int revents)
{
	struct listeners *l = w->data;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	(void)ev;
	(void)revents;
	do {
		len = sizeof(ss);
		memset(&ss, 0, sizeof(ss));
		fd = accept4(w->fd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			hand_over(l, fd, &ss);
		else if (!passing(errno)) {
			if (errno != EAGAIN)
				pause_all(l, errno);
			else
				l->short_said = false;
			return;
		}
	} while (handshakes_have_time(l->server->loops[0]));
}

void
listeners_start(struct listeners *l, struct server *server)
{
	l->server = server;
	l->ev = server->loops[0]->ev;
	ev_timer_init(&l->timer, on_timer, ACCEPT_PAUSE, 0.);
	ev_async_init(&l->freed, on_freed);
	l->timer.data = l->freed.data = l;
	ev_async_start(l->ev, &l->freed);
	for (size_t i = 0; i < l->count; i++) {
		ev_io_init(&l->list[i].io, on_accept, l->list[i].fd, EV_READ);
		ev_set_priority(&l->list[i].io, HANDSHAKES_PRIORITY);
		l->list[i].io.data = l;
	}
	watch_all(l, true);
}

void
listeners_stop(struct listeners *l)
{
	if (l->closed)
		return;
	l->closed = true;
	atomic_store(&l->paused, false); /* nobody is to be woken up */
	watch_all(l, false);
	ev_timer_stop(l->ev, &l->timer);
	ev_async_stop(l->ev, &l->freed);
	listeners_close(l);
}
