/* server: what the parts share, start, signals, end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "loop/chronicle.h"
#include "loop/conn.h"
#include "loop/keeper.h"
#include "loop/limits.h"
#include "loop/listen.h"
#include "loop/loop.h"
#include "loop/notify.h"
#include "loop/refusals.h"
#include "loop/server.h"
#include "loop/workers.h"
#include "spool/state.h"

#define STUCK_MS 10000 /* a worker that does not come back is left behind */
#define LOOK_SECONDS 10 /* and so is a look at the spool, */
#define RECORD_SECONDS 5 /* and what is to be recorded */

static void
idle(void *arg)
{
	struct server *s = arg;

	if (s->keeper != NULL)
		keeper_poke(s->keeper);
}

static int
make_loops(struct server *s, unsigned n, struct diag *d)
{
	s->loops = calloc(n, sizeof(*s->loops));
	if (s->loops == NULL)
		return diag_errno(d, "cannot make %u loops", n);
	for (; s->nloops < n; s->nloops++) {
		s->loops[s->nloops] = loop_new(s, &s->budget,
		    s->settings->config.spin, d);
		if (s->loops[s->nloops] == NULL)
			return -1;
		s->loops[s->nloops]->counters =
		    &stats_daemon(s->stats)->loop[s->nloops];
	}
	return 0;
}

static unsigned
thread_count(const struct config *c)
{
	long n = c->threads != 0 ? (long)c->threads :
	    sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > 256 ? 256 : (unsigned)n;
}

static int
make_parts(struct server *s, const struct config *c, struct diag *d)
{
	struct registry_options o = settings_registry(s->started);

	s->stats = stats_create(s->statefd, VIEW_MAX + 1,
	    (uint32_t)c->max_connections, d);
	if (s->stats == NULL)
		return -1;
	s->registry = registry_new(&o, s->stats, idle, s, d);
	if (s->registry == NULL)
		return -1;
	s->limits = limits_new(d);
	s->refusals = refusals_new(d);
	s->recorder = recorder_new(s->places->data, d);
	s->workers = workers_new((unsigned)c->workers, d);
	if (s->limits == NULL || s->refusals == NULL || s->recorder == NULL ||
	    s->workers == NULL)
		return -1;
	workers_watch(s->workers, stats_daemon(s->stats));
	if (make_loops(s, thread_count(c), d) == -1)
		return -1;
	atomic_store(&stats_daemon(s->stats)->loops, s->nloops);
	s->keeper = keeper_new(s, d);
	return s->keeper == NULL ? -1 : 0;
}

struct server *
server_new(const struct places *places, int statefd, int lockfd,
    struct listeners *listeners, struct settings *settings, struct diag *d)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		diag_errno(d, "cannot make the server");
		return NULL;
	}
	s->places = places;
	s->statefd = statefd;
	s->lockfd = lockfd;
	s->listeners = listeners;
	s->settings = settings_ref(settings);
	s->started = settings_ref(settings);
	s->budget.limit = settings->config.max_memory;
	pthread_mutex_init(&s->lock, NULL);
	if (make_parts(s, &settings->config, d) == -1) {
		server_free(s);
		return NULL;
	}
	return s;
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->nloops; i++)
		loop_free(s->loops[i]);
	free(s->loops);
	keeper_free(s->keeper); /* connections poke it when they end */
	workers_free(s->workers);
	registry_free(s->registry);
	stats_close(s->stats);
	limits_free(s->limits);
	refusals_free(s->refusals);
	recorder_free(s->recorder);
	settings_unref(s->settings);
	settings_unref(s->started);
	pthread_mutex_destroy(&s->lock);
	close(s->statefd);
	close(s->lockfd);
	free(s);
}

struct settings *
server_settings(struct server *s)
{
	struct settings *st;

	pthread_mutex_lock(&s->lock);
	st = settings_ref(s->settings);
	pthread_mutex_unlock(&s->lock);
	return st;
}

void
server_kick(struct server *s)
{
	for (unsigned i = 0; i < s->nloops; i++)
		loop_kick(s->loops[i]);
}

void
server_descriptor_freed(struct server *s)
{
	listeners_wake(s->listeners);
}

struct loop *
server_loop(struct server *s)
{
	struct loop *best = s->loops[0];

	for (unsigned i = 1; i < s->nloops; i++)
		if (atomic_load(&s->loops[i]->load) < atomic_load(&best->load))
			best = s->loops[i];
	return best;
}

static void
nothing(struct job *job)
{
	(void)job; /* that the loop goes round is what matters */
}

void
server_loop_ended(struct server *s)
{
	if (atomic_fetch_sub(&s->others, 1) != 1)
		return;
	s->ended.run = nothing;
	loop_post(s->loops[0], &s->ended);
}

bool
server_may_end(struct server *s, const struct loop *l)
{
	return l != s->loops[0] || atomic_load(&s->others) == 0;
}

static void
stop_all(struct server *s)
{
	listeners_stop(s->listeners);
	for (unsigned i = 0; i < s->nloops; i++)
		loop_stop(s->loops[i]);
}

static void
on_deadline(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct server *s = w->data;

	(void)ev;
	(void)revents;
	log_warning("stopping", "some requests were not answered within "
	    "drain-timeout; their connections are closed");
	s->status = 1;
	for (unsigned i = 0; i < s->nloops; i++)
		loop_kill(s->loops[i]);
}

/* The first asks for the drain, the second for the end. */
static void
on_term(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct server *s = w->data;
	struct settings *st;

	(void)revents;
	if (s->stopping) {
		log_warning("stopping", "told twice; ending at once");
		_exit(1);
	}
	s->stopping = true;
	log_info("stopping", "signal %s; finishing what is in flight",
	    w->signum == SIGTERM ? "TERM" : "INT");
	notify("STOPPING=1");
	st = server_settings(s);
	ev_timer_set(&s->deadline, (double)st->config.drain_timeout, 0.);
	ev_timer_start(ev, &s->deadline);
	settings_unref(st);
	stop_all(s);
}

static void
on_hup(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct server *s = w->data;

	(void)ev;
	(void)revents;
	keeper_reload(s->keeper);
}

static void
start_signals(struct server *s)
{
	struct ev_loop *ev = s->loops[0]->ev;

	ev_signal_init(&s->sigterm, on_term, SIGTERM);
	ev_signal_init(&s->sigint, on_term, SIGINT);
	ev_signal_init(&s->sighup, on_hup, SIGHUP);
	ev_timer_init(&s->deadline, on_deadline, 0., 0.);
	s->sigterm.data = s->sigint.data = s->sighup.data = s;
	s->deadline.data = s;
	ev_signal_start(ev, &s->sigterm);
	ev_signal_start(ev, &s->sigint);
	ev_signal_start(ev, &s->sighup);
}

/* Threads do not take signals: they are the first loop's. */
static int
start_threads(struct server *s, struct diag *d)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = recorder_start(s->recorder, d);
	if (rc == 0)
		rc = keeper_start(s->keeper, d);
	atomic_store(&s->others, s->nloops - 1);
	for (unsigned i = 1; rc == 0 && i < s->nloops; i++)
		rc = loop_start(s->loops[i], d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static void
end_now(int sig)
{
	(void)sig;
	_exit(1);
}

static void
finish(struct server *s)
{
	for (unsigned i = 1; i < s->nloops; i++)
		loop_join(s->loops[i]);
	/* No loop is there to see a second signal: it ends what is stuck. */
	signal(SIGTERM, end_now);
	signal(SIGINT, end_now);
	if (!keeper_stop(s->keeper, LOOK_SECONDS) ||
	    !workers_stop(s->workers, STUCK_MS)) {
		log_warning("stopping", "a file system did not answer; ending "
		    "without it");
		_exit(s->status); /* every request has had its answer */
	}
	chronicle_stopped(s->recorder);
	if (!recorder_stop(s->recorder, RECORD_SECONDS)) {
		log_warning("stopping", "the last events could not be written");
		_exit(s->status);
	}
	unlinkat(s->statefd, STATE_DAEMON, 0);
	unlinkat(s->statefd, STATE_STATS, 0);
}

int
server_run(struct server *s, void (*ready)(void *arg), void *arg)
{
	struct diag d;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	keeper_look(s->keeper); /* which a signal may end: nobody is served */
	start_signals(s);
	if (start_threads(s, &d) == -1) {
		log_error("start", "%s", d.text);
		_exit(1); /* some threads may run: no orderly way back */
	}
	refusals_start(s->refusals, s->loops[0]);
	listeners_start(s->listeners, s);
	notify("READY=1");
	ready(arg);
	loop_run(s->loops[0]);
	refusals_stop(s->refusals);
	finish(s);
	log_info("stopped", "all connections have ended");
	return s->status;
}
