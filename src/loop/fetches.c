/* fetches: whose turn it is, and what becomes of a job when its child ends. */
#include <sys/epoll.h>
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/fetchpriv.h"
#include "loop/keeper.h"
#include "loop/server.h"

#define PAUSE_BUSY 5 /* s, while a fetch by hand is at it */

/* Exit statuses of nbdmux-fetch --job, as nbdmux-fetch(8) has them. */
enum { ENDED_WELL, ENDED_FAILED, ENDED_USAGE, ENDED_ABSENT, ENDED_REFUSED,
	ENDED_BUSY };

uint64_t
fetches_now(void)
{
	return clock_now(CLOCK_MONOTONIC) / CLOCK_MS;
}

struct fetches *
fetches_new(struct server *server, struct diag *d)
{
	struct fetches *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		diag_errno(d, "cannot keep the queue of fetches");
		return NULL;
	}
	f->server = server;
	TAILQ_INIT(&f->jobs);
	f->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (f->epfd != -1)
		return f;
	diag_errno(d, "cannot keep the queue of fetches");
	free(f);
	return NULL;
}

void
job_free(struct fetches *f, struct job_fetch *j)
{
	TAILQ_REMOVE(&f->jobs, j, link);
	record_clear(&j->record);
	free(j);
}

void
fetches_free(struct fetches *f)
{
	struct job_fetch *j;

	if (f == NULL)
		return;
	TAILQ_FOREACH(j, &f->jobs, link)
		if (j->state == JOB_RUNNING)
			child_stop(j);
	while ((j = TAILQ_FIRST(&f->jobs)) != NULL) {
		/* NOLINTNEXTLINE(*-unix.Malloc): who is freed is not listed */
		if (j->state == JOB_RUNNING)
			child_end(j);
		job_free(f, j);
	}
	close(f->epfd);
	free(f);
}

int
fetches_fd(const struct fetches *f)
{
	return f->epfd;
}

uint64_t
fetches_most(const struct fetches *f)
{
	struct settings *st = server_settings(f->server);
	uint64_t n = st->config.fetches;

	settings_unref(st);
	return n;
}

/* --- the children --------------------------------------------------------- */

/* Whether there is more to do, a look at the spool tells. */
static void
look_again(struct fetches *f, struct job_fetch *j)
{
	memset(&j->stamp, 0, sizeof(j->stamp));
	j->state = JOB_IDLE;
	keeper_poke(f->server->keeper);
}

static void
ended(struct fetches *f, struct job_fetch *j, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	char why[128];

	j->state = JOB_IDLE;
	if (j->gone) {
		fetchtell_gone(f, j->name);
		job_free(f, j);
		return;
	}
	if (j->again) {
		j->again = false;
		look_again(f, j);
		return;
	}
	switch (code) {
	case ENDED_WELL:
		log_info("fetch", "%s: fetched", j->name);
		j->vain++;
		/* FALLTHROUGH */
	case ENDED_ABSENT:
		look_again(f, j);
		break;
	case ENDED_BUSY:
		job_pause(j, PAUSE_BUSY);
		break;
	case ENDED_REFUSED:
		j->state = JOB_FAILED;
		fetchtell_failed(f, j, NULL);
		break;
	case ENDED_FAILED:
		job_pause_longer(j);
		fetchtell_failed(f, j, NULL);
		break;
	default:
		job_pause_longer(j);
		snprintf(why, sizeof(why), code == -1 ? "nbdmux-fetch was "
		    "ended by signal %d" : "nbdmux-fetch ended with status %d",
		    code == -1 ? WTERMSIG(status) : code);
		fetchtell_failed(f, j, why);
	}
}

static void
begin(struct fetches *f, struct job_fetch *j)
{
	struct epoll_event ev = { .events = EPOLLIN, .data = { .ptr = j } };
	struct diag d;

	if (child_start(j, f->server, &d) == -1) {
		job_pause_longer(j);
		fetchtell_failed(f, j, d.text);
		return;
	}
	j->state = JOB_RUNNING;
	log_info("fetch", "%s: fetching %s", j->name, j->record.source);
	if (j->pidfd != -1)
		epoll_ctl(f->epfd, EPOLL_CTL_ADD, j->pidfd, &ev);
}

/* Who has waited longest; who has failed comes when it is due. */
static struct job_fetch *
next_job(struct fetches *f)
{
	struct job_fetch *j, *best = NULL;
	uint64_t now = fetches_now();

	TAILQ_FOREACH(j, &f->jobs, link) {
		/* NOLINTNEXTLINE(*-unix.Malloc): who is freed is not listed */
		if (j->state == JOB_PAUSED && j->due <= now) {
			j->state = JOB_QUEUED;
			j->turn = ++f->turns;
		}
		if (j->state == JOB_QUEUED && (best == NULL ||
		    j->turn < best->turn))
			best = j;
	}
	return best;
}

void
fetches_run(struct fetches *f)
{
	struct job_fetch *j, *next;
	uint64_t running = 0, limit;
	int status;

	for (j = TAILQ_FIRST(&f->jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->state != JOB_RUNNING)
			continue;
		if (child_ended(j, &status))
			ended(f, j, status);
		else
			running++;
	}
	for (limit = fetches_most(f); running < limit &&
	    (j = next_job(f)) != NULL; running++)
		begin(f, j);
}

uint64_t
fetches_due(const struct fetches *f)
{
	const struct job_fetch *j;
	uint64_t due = UINT64_MAX;

	TAILQ_FOREACH(j, &f->jobs, link)
		if (j->state == JOB_PAUSED && j->due < due)
			due = j->due;
	return due;
}
