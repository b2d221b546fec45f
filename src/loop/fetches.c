/*
 * fetches: a job for each entry with a source, in the order of names like the
 * view, so that one walk along both finds what is new and what is gone.
 */
#include <sys/epoll.h>
#include <sys/wait.h>

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/fetchpriv.h"
#include "loop/keeper.h"
#include "loop/server.h"
#include "spool/fetched.h"
#include "spool/names.h"
#include "spool/state.h"

#define PAUSE_FIRST 15  /* s after the first failure; twice as long each time, */
#define PAUSE_MAX 3600  /* up to this */
#define VAIN_MAX 3      /* fetches that did not make the entry content */
#define PAUSE_BUSY 5    /* s, while a fetch by hand is at it */

/* Exit statuses of nbdmux-fetch --job, as nbdmux-fetch(8) has them. */
enum { ENDED_WELL, ENDED_FAILED, ENDED_USAGE, ENDED_ABSENT, ENDED_REFUSED,
	ENDED_BUSY };

static uint64_t
now_ms(void)
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

static void
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

static uint64_t
most(const struct fetches *f)
{
	struct settings *st = server_settings(f->server);
	uint64_t n = st->config.fetches;

	settings_unref(st);
	return n;
}

/* --- pauses ---------------------------------------------------------------- */

static void
pause_job(struct job_fetch *j, uint64_t seconds)
{
	j->state = JOB_PAUSED;
	j->due = now_ms() + seconds * 1000;
}

static void
pause_longer(struct job_fetch *j)
{
	uint64_t s = PAUSE_FIRST;

	for (unsigned i = 0; i < j->tries && s < PAUSE_MAX; i++)
		s *= 2;
	j->tries++;
	pause_job(j, s < PAUSE_MAX ? s : PAUSE_MAX);
}

/* --- what the spool wants ------------------------------------------------- */

static void
enqueue(struct fetches *f, struct job_fetch *j)
{
	j->state = JOB_QUEUED;
	j->turn = ++f->turns;
	j->enqueued = (uint64_t)time(NULL);
	fetchtell_queued(f, j, most(f) > 0 ? NULL : "\"fetches\" is 0, so "
	    "nbdmuxd does not fetch it; nbdmux-fetch does");
}

static void
leave(struct fetches *f, struct job_fetch *j)
{
	if (j->state == JOB_RUNNING) {
		child_stop(j);
		j->gone = true;
		return;
	}
	fetchtell_gone(f, j->name);
	job_free(f, j);
}

/* The version is new: whatever was found about an older one is forgotten. */
static void
renew(struct fetches *f, struct job_fetch *j, const struct view_entry *e)
{
	bool same = record_fetches_same(&j->record, &e->record);

	j->stamp = e->stamp;
	record_clear(&j->record);
	if (record_copy(&j->record, &e->record) == -1) {
		memset(&j->stamp, 0, sizeof(j->stamp)); /* the next look */
		return;
	}
	if (j->state == JOB_RUNNING) {
		if (!same) {
			child_stop(j);
			j->again = true;
		}
		return;
	}
	j->tries = 0;
	j->vain = same ? j->vain : 0;
	if (!fetched_wanted(&e->record, e->name, f->images)) {
		j->state = JOB_IDLE;
		j->vain = 0;
	} else if (j->vain < VAIN_MAX) {
		enqueue(f, j);
	} else {
		pause_longer(j);
		fetchtell_failed(f, j, "it was fetched, but somebody keeps "
		    "changing the entry back");
	}
}

static void
update(struct fetches *f, struct job_fetch *j, const struct view_entry *e)
{
	if (e->bad)
		return; /* nobody knows what it wants */
	j->gone = false;
	if (e->record.source == NULL)
		leave(f, j);
	else if (!stamp_equal(&j->stamp, &e->stamp))
		renew(f, j, e);
	else if (j->state == JOB_IDLE && (e->record.image == NULL ||
	    access(e->record.image, F_OK) == -1))
		enqueue(f, j);
}

static struct job_fetch *
insert(struct fetches *f, struct job_fetch *before, const char *name)
{
	struct job_fetch *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	strlcpy(j->name, name, sizeof(j->name));
	j->pidfd = -1;
	if (before != NULL)
		TAILQ_INSERT_BEFORE(before, j, link);
	else
		TAILQ_INSERT_TAIL(&f->jobs, j, link);
	return j;
}

/* States that an earlier daemon left of exports that are not there. */
static void
sweep(struct fetches *f, const struct view *v)
{
	struct names names = { 0 };
	struct names_wanted wanted = { ".ini", &names };
	int fd = fetch_open(f->server->statefd, false, NULL);

	f->swept = true;
	if (fd == -1)
		return;
	if (names_read(fd, &wanted, 1, NULL) == 0)
		for (size_t i = 0; i < names.count; i++)
			if (view_find(v, names.names[i]) == NULL)
				fetchtell_gone(f, names.names[i]);
	names_free(&names);
	close(fd);
}

void
fetches_look(struct fetches *f, const struct view *v)
{
	struct job_fetch *j = TAILQ_FIRST(&f->jobs), *next;

	fetched_dir(f->server->places, f->images);
	if (!f->swept)
		sweep(f, v);
	for (size_t i = 0; i <= v->count; i++) {
		const struct view_entry *e = i < v->count ? v->entries[i] : NULL;

		for (; j != NULL && (e == NULL || strcmp(j->name, e->name) < 0);
		    j = next) {
			next = TAILQ_NEXT(j, link);
			leave(f, j);
		}
		if (e == NULL)
			break;
		if (j != NULL && strcmp(j->name, e->name) == 0) {
			next = TAILQ_NEXT(j, link);
			update(f, j, e);
			j = next;
		} else if (!e->bad && e->record.source != NULL) {
			struct job_fetch *new = insert(f, j, e->name);

			if (new != NULL)
				renew(f, new, e);
		}
	}
	fetches_run(f);
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
		pause_job(j, PAUSE_BUSY);
		break;
	case ENDED_REFUSED:
		j->state = JOB_FAILED;
		fetchtell_failed(f, j, NULL);
		break;
	case ENDED_FAILED:
		pause_longer(j);
		fetchtell_failed(f, j, NULL);
		break;
	default:
		pause_longer(j);
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
		pause_longer(j);
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
	uint64_t now = now_ms();

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
	for (limit = most(f); running < limit &&
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
