/* fetchtell: what the world is told of jobs: state files, and the log. */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/fetchpriv.h"
#include "loop/server.h"
#include "spool/fetched.h"
#include "spool/state.h"

static int
open_state(const struct fetches *f)
{
	struct diag d;
	int fd = fetch_open(f->server->statefd, true, &d);

	if (fd == -1)
		log_error("fetch", "%s", d.text);
	return fd;
}

static void
write_state(const struct fetches *f, const struct job_fetch *j,
    const struct fetch *state)
{
	int fd = open_state(f);
	struct diag d;

	if (fd == -1)
		return;
	if (fetch_write(fd, j->name, state, &d) == -1)
		log_error("fetch", "%s", d.text);
	close(fd);
}

/* What every state of a job says. */
static struct fetch
state_of(const struct job_fetch *j, enum status status)
{
	return (struct fetch) {
		.format = FETCH_FORMAT,
		.status = status,
		.source = j->record.source,
		.enqueued = j->enqueued,
		.updated = (uint64_t)time(NULL),
		.spool_ino = j->stamp.ino,
		.spool_mtime = j->stamp.mtime,
	};
}

/* ms of CLOCK_MONOTONIC */
static uint64_t
seconds_to(uint64_t due)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC) / CLOCK_MS;

	return due > now ? (due - now + 999) / 1000 : 0;
}

void
fetchtell_failed(const struct fetches *f, const struct job_fetch *j,
    const char *why)
{
	struct fetch state = state_of(j, STATUS_FAILED), said = { 0 };
	int fd = open_state(f);

	/* The child knows better why, unless it could not say so. */
	if (fd != -1 && why == NULL && fetch_read(fd, j->name, &said, NULL) ==
	    1 && said.status == STATUS_FAILED) {
		state = said;
	} else {
		state.error = (char *)(why != NULL ? why :
		    "nbdmux-fetch gave no reason");
	}
	if (fd != -1)
		close(fd);
	state.retry = j->state == JOB_PAUSED ? (uint64_t)time(NULL) +
	    seconds_to(j->due) : 0;
	log_error("fetch", "%s: %s", j->name, state.error != NULL ?
	    state.error : "failed");
	write_state(f, j, &state);
	fetch_clear(&said);
}

void
fetchtell_gone(const struct fetches *f, const char *name)
{
	int fd = fetch_open(f->server->statefd, false, NULL);
	int images = open(f->images, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1) {
		fetch_remove(fd, name);
		close(fd);
	}
	if (images != -1) {
		fetched_clean(images, name);
		close(images);
	}
}

void
fetchtell_queued(const struct fetches *f, const struct job_fetch *j,
    const char *why)
{
	struct fetch state = state_of(j, STATUS_QUEUED);

	state.error = (char *)why;
	write_state(f, j, &state);
}
