/*
 * fetchwants: a job for each entry with a source, in the order of names like
 * the view, so that one walk along both finds what is new and what is gone.
 */
#include <bsd/string.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "loop/fetchpriv.h"
#include "loop/server.h"
#include "spool/fetched.h"
#include "spool/names.h"

#define PAUSE_FIRST 15  /* s after the first failure; twice as long each time, */
#define PAUSE_MAX 3600  /* up to this */
#define VAIN_MAX 3      /* fetches that did not make the entry content */

void
job_pause(struct job_fetch *j, uint64_t seconds)
{
	j->state = JOB_PAUSED;
	j->due = fetches_now() + seconds * 1000;
}

void
job_pause_longer(struct job_fetch *j)
{
	uint64_t s = PAUSE_FIRST;

	for (unsigned i = 0; i < j->tries && s < PAUSE_MAX; i++)
		s *= 2;
	j->tries++;
	job_pause(j, s < PAUSE_MAX ? s : PAUSE_MAX);
}

static void
enqueue(struct fetches *f, struct job_fetch *j)
{
	j->state = JOB_QUEUED;
	j->turn = ++f->turns;
	j->enqueued = (uint64_t)time(NULL);
	fetchtell_queued(f, j, fetches_most(f) > 0 ? NULL : "\"fetches\" is 0, so "
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

/* The image, or what boots it, where somebody had begun to fetch that. */
static bool
is_wanted(const struct fetches *f, const struct view_entry *e)
{
	bool wanted = fetched_wanted(&e->record, e->name, f->images);
	int fd = wanted ? -1 : open(f->images, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);

	if (fd == -1)
		return wanted;
	wanted = fetched_unbooted(fd, e->name);
	close(fd);
	return wanted;
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
	if (!is_wanted(f, e)) {
		j->state = JOB_IDLE;
		j->vain = 0;
	} else if (j->vain < VAIN_MAX) {
		enqueue(f, j);
	} else {
		job_pause_longer(j);
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
