/* await: inotify, a signalfd and a clock in one poll. */
#include <sys/inotify.h>

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "tool/await.h"

#define AWAIT_TICK 0.1 /* s between looks without a hint */

static double
now(void)
{
	return (double)clock_now(CLOCK_MONOTONIC) / (double)CLOCK_SECOND;
}

/* Idempotent; after the directory was replaced the new one is watched. */
static void
watch(struct await *w)
{
	if (w->inotify != -1)
		inotify_add_watch(w->inotify, w->exports, IN_MOVED_TO |
		    IN_DELETE | IN_CLOSE_WRITE | IN_ONLYDIR);
}

void
await_begin(struct await *w, const struct tool *t)
{
	signals_hold(&w->signals, NULL);
	snprintf(w->exports, sizeof(w->exports), "%s/%s", t->places.state,
	    STATE_EXPORTS);
	w->deadline = -1;
	w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	watch(w);
}

void
await_limit(struct await *w, double seconds)
{
	w->deadline = seconds < 0 ? -1 : now() + seconds;
}

static void
drain(const struct await *w)
{
	char events[4096];

	while (w->inotify != -1 &&
	    read(w->inotify, events, sizeof(events)) > 0)
		;
}

enum await_verdict
await_next(struct await *w)
{
	struct pollfd p[] = {
		{ .fd = w->signals.fd, .events = POLLIN },
		{ .fd = w->inotify, .events = POLLIN }, /* -1 is skipped */
	};
	double left = w->deadline < 0 ? AWAIT_TICK : w->deadline - now();

	if (left <= 0)
		return AWAIT_TIMEOUT;
	if (left > AWAIT_TICK)
		left = AWAIT_TICK;
	poll(p, 2, (int)(left * 1000) + 1);
	if (signals_take(&w->signals) != 0)
		return AWAIT_SIGNAL;
	drain(w);
	watch(w);
	return AWAIT_LOOK;
}

void
await_end(struct await *w)
{
	if (w->inotify != -1)
		close(w->inotify);
	w->inotify = -1;
	signals_release(&w->signals);
}
