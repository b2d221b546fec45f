/* report: written seldom enough that nobody notices. */
#include <bsd/string.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fetch/report.h"
#include "tool/entry.h"

#define WRITE_EVERY (CLOCK_SECOND / 2)

static void
write_state(struct report *r)
{
	r->written = clock_now(CLOCK_MONOTONIC);
	r->state.updated = (uint64_t)time(NULL);
	if (r->fetchfd != -1)
		fetch_write(r->fetchfd, r->name, &r->state, NULL);
}

/* The entry was written again and wants the same: it is about that, too. */
static void
follow_entry(struct report *r)
{
	struct record now = { 0 };
	struct entry e;

	if (entry_open(&e, r->tool, r->name, NULL) == 0 && e.existed &&
	    (e.stamp.ino != r->state.spool_ino ||
	    e.stamp.mtime != r->state.spool_mtime) &&
	    record_parse(&now, e.old.len > 0 ? e.old.data : "", e.old.len,
	    e.file, NULL) == 0 && record_fetches_same(&now, r->record)) {
		r->state.spool_ino = e.stamp.ino;
		r->state.spool_mtime = e.stamp.mtime;
	}
	entry_close(&e);
	record_clear(&now);
}

void
report_begin(struct report *r, const struct stamp *stamp, bool refresh)
{
	struct fetch before;

	r->state = (struct fetch) {
		.format = FETCH_FORMAT,
		.status = STATUS_FETCHING,
		.source = r->record->source,
		.refresh = refresh,
		.started = (uint64_t)time(NULL),
		.enqueued = (uint64_t)time(NULL),
		.pid = (uint64_t)getpid(),
		.spool_ino = stamp->ino,
		.spool_mtime = stamp->mtime,
	};
	if (r->fetchfd != -1 && fetch_read(r->fetchfd, r->name, &before,
	    NULL) == 1) {
		if (before.enqueued != 0)
			r->state.enqueued = before.enqueued;
		fetch_clear(&before);
	}
	write_state(r);
}

void
report_tick(struct report *r, enum status status, uint64_t done,
    uint64_t total)
{
	bool new = r->state.status != status;

	r->state.status = status;
	r->state.bytes_done = done;
	r->state.bytes_total = total;
	progress_show(&r->progress, r->name, &r->state);
	r->state.bytes_rate = (uint64_t)r->progress.rate;
	if (!new && clock_now(CLOCK_MONOTONIC) - r->written < WRITE_EVERY)
		return;
	follow_entry(r);
	write_state(r);
}

void
report_end(struct report *r, enum status status, const char *error)
{
	progress_end(&r->progress);
	r->state.status = status;
	r->state.pid = 0;
	r->state.bytes_rate = 0;
	r->state.error = NULL;
	if (error != NULL) {
		strlcpy(r->error, error, sizeof(r->error));
		r->state.error = r->error;
	}
	if (status == STATUS_READY) {
		r->state.completed = (uint64_t)time(NULL);
		r->state.bytes_done = r->state.bytes_total;
	}
	write_state(r);
}
