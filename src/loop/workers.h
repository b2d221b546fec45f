/*
 * workers: threads for whatever would block.  They are started as they are
 * needed, up to a number.  Jobs have keys: those of one key have at most three
 * quarters of the threads, so that an image that hangs leaves some to the
 * others; keys are served in turns.  Jobs of one key and kind are begun in
 * order.
 */
#ifndef LOOP_WORKERS_H
#define LOOP_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/job.h"
#include "spool/stats.h"

struct workers;

struct workers *workers_new(unsigned max, struct diag *d);

/* Keep the gauges of workers there (borrowed), from now on. */
void workers_watch(struct workers *w, struct stats_daemon *gauges);

/* How many workers the jobs of one key may have, and how many jobs each. */
enum work {
	WORK_ALONE,  /* each job has a worker to itself */
	WORK_READS,  /* a few have one together */
	WORK_WRITES, /* all that wait go to one worker, */
	WORK_SYNCS,  /* of these to another one */
	WORKS
};

/*
 * Any thread.  The job is run once, on a worker.  Where several have one
 * worker, run() of the first is called for all of them: they are a list, by
 * "next", of jobs that may have different keys.
 */
void workers_add(struct workers *w, struct job *job, uint64_t key,
    enum work kind);

/*
 * No jobs are added any more: run what is queued and end the threads.  false
 * when some are still stuck after the time (in ms): the pool then stays.
 */
bool workers_stop(struct workers *w, unsigned ms);
void workers_free(struct workers *w); /* stopped, or never used */

#endif
