/* Workers: each job once, no more threads than needed or told, an end. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "loop/workers.h"
#include "unit.h"

#define JOBS 5000

struct task {
	struct job job; /* first */
	unsigned number;
};

static struct task works[JOBS];
static atomic_uint done, running, peak, threads;
static atomic_bool hold;
static unsigned order[JOBS];

static void
sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static atomic_uint lists, longest;

static void
run_one(struct job *job)
{
	static _Thread_local bool counted;
	unsigned now = atomic_fetch_add(&running, 1) + 1;
	unsigned most = atomic_load(&peak);

	if (!counted)
		atomic_fetch_add(&threads, 1);
	counted = true;
	while (now > most && !atomic_compare_exchange_weak(&peak, &most, now))
		continue;
	while (atomic_load(&hold))
		sleep_ms(1);
	atomic_fetch_sub(&running, 1);
	order[atomic_fetch_add(&done, 1)] = ((struct task *)job)->number;
}

/* What came to this worker together. */
static void
run(struct job *list)
{
	struct job *next;
	unsigned n = 0;

	atomic_fetch_add(&lists, 1);
	for (; list != NULL; list = next, n++) {
		next = list->next;
		run_one(list);
	}
	if (n > atomic_load(&longest))
		atomic_store(&longest, n);
}

static bool spread; /* every job has a key of its own */
static enum work kind;

static struct workers *
begin(unsigned max, bool held)
{
	done = running = peak = threads = lists = longest = 0;
	kind = WORK_ALONE;
	hold = held;
	return workers_new(max, NULL);
}

static void
add(struct workers *w, unsigned i)
{
	works[i].number = i;
	works[i].job.run = run;
	workers_add(w, &works[i].job, spread ? i : 1, kind);
}

static bool
soon(atomic_uint *counter, unsigned value)
{
	for (int i = 0; i < 5000 && atomic_load(counter) < value; i++)
		sleep_ms(1);
	return atomic_load(counter) == value;
}

TEST(every_job_is_done_once)
{
	struct workers *w = begin(4, false);
	bool seen[JOBS] = { false };
	unsigned different = 0;

	for (unsigned i = 0; i < JOBS; i++)
		add(w, i);
	CHECK(workers_stop(w, 5000));
	for (unsigned i = 0; i < done; i++) {
		different += !seen[order[i]];
		seen[order[i]] = true;
	}
	CHECK(done == JOBS && different == JOBS);
	CHECK(threads <= 4);
	workers_free(w);
}

TEST(one_worker_keeps_the_order)
{
	struct workers *w = begin(1, false);
	unsigned right = 0;

	for (unsigned i = 0; i < 1000; i++)
		add(w, i);
	CHECK(workers_stop(w, 5000));
	for (unsigned i = 0; i < 1000; i++)
		right += order[i] == i;
	CHECK(right == 1000 && threads == 1);
	workers_free(w);
}

TEST(jobs_that_wait_get_threads_up_to_the_limit)
{
	struct workers *w = begin(6, true);

	spread = true;
	for (unsigned i = 0; i < 20; i++)
		add(w, i);
	spread = false;
	CHECK(soon(&running, 6));
	sleep_ms(50);
	CHECK(peak == 6);
	hold = false;
	CHECK(soon(&done, 20));
	CHECK(workers_stop(w, 5000));
	workers_free(w);
}

TEST(a_key_that_hangs_leaves_threads_to_others)
{
	struct workers *w = begin(8, true);

	for (unsigned i = 0; i < 20; i++)
		add(w, i);
	CHECK(soon(&running, 6));
	sleep_ms(50);
	CHECK(peak == 6);
	spread = true;
	add(w, 20);
	add(w, 21);
	spread = false;
	CHECK(soon(&running, 8));
	hold = false;
	CHECK(soon(&done, 22));
	CHECK(workers_stop(w, 5000));
	workers_free(w);
}

TEST(what_is_queued_at_the_end_is_done_within_its_share)
{
	struct workers *w = begin(4, true);

	for (unsigned i = 0; i < 50; i++)
		add(w, i);
	CHECK(soon(&running, 3));
	hold = false;
	CHECK(workers_stop(w, 5000));
	CHECK(done == 50 && peak == 3);
	workers_free(w);
}

TEST(writes_of_a_key_come_to_one_worker_together_and_in_order)
{
	struct workers *w = begin(8, true);
	unsigned right = 0;

	kind = WORK_WRITES;
	add(w, 0);
	CHECK(soon(&running, 1));
	for (unsigned i = 1; i < 33; i++)
		add(w, i);
	sleep_ms(50);
	CHECK(peak == 1);
	hold = false;
	CHECK(workers_stop(w, 5000)); /* all is written down then */
	for (unsigned i = 0; i < 33; i++)
		right += order[i] == i;
	CHECK(done == 33 && right == 33);
	CHECK(lists == 2 && longest == 32);
	workers_free(w);
}

TEST(a_sync_that_waits_holds_up_neither_writes_nor_reads)
{
	static const enum work kinds[] = { WORK_SYNCS, WORK_WRITES, WORK_READS,
		WORK_ALONE };
	struct workers *w = begin(8, true);

	for (unsigned i = 0; i < 4; i++) {
		kind = kinds[i];
		add(w, i);
		CHECK(soon(&running, i + 1));
	}
	hold = false;
	CHECK(workers_stop(w, 5000));
	CHECK(done == 4);
	workers_free(w);
}

TEST(reads_are_shared_out)
{
	struct workers *w = begin(8, true);

	kind = WORK_READS;
	add(w, 0);
	CHECK(soon(&running, 1));
	for (unsigned i = 1; i < 60; i++)
		add(w, i);
	CHECK(soon(&running, 6)); /* three quarters of them */
	hold = false;
	CHECK(workers_stop(w, 5000));
	CHECK(done == 60 && peak == 6 && longest > 1 && longest <= 8);
	workers_free(w);
}

TEST(all_kinds_of_a_key_that_hangs_have_its_share_together)
{
	struct workers *w = begin(4, true);

	for (unsigned i = 0; i < 40; i++) {
		kind = (enum work)(i % WORKS);
		add(w, i);
	}
	CHECK(soon(&running, 3));
	sleep_ms(50);
	CHECK(peak == 3);
	spread = true;
	add(w, 41);
	spread = false;
	CHECK(soon(&running, 4));
	hold = false;
	CHECK(workers_stop(w, 5000));
	CHECK(done == 41);
	workers_free(w);
}

TEST(the_kinds_of_a_key_take_turns)
{
	struct workers *w = begin(1, true);

	for (unsigned i = 0; i < 20; i++)
		add(w, i);
	kind = WORK_SYNCS;
	add(w, 20);
	kind = WORK_WRITES;
	add(w, 21);
	CHECK(soon(&running, 1));
	hold = false;
	CHECK(workers_stop(w, 5000));
	CHECK(done == 22 && order[1] > 19 && order[2] > 19);
	workers_free(w);
}

TEST(jobs_one_after_the_other_need_one_thread)
{
	struct workers *w = begin(6, false);

	for (unsigned i = 0; i < 50; i++) {
		add(w, i);
		CHECK(soon(&done, i + 1));
		sleep_ms(2); /* until it waits again */
	}
	CHECK(threads <= 2);
	CHECK(workers_stop(w, 5000));
	workers_free(w);
}

TEST(a_stuck_job_does_not_hold_the_end_up)
{
	struct workers *w = begin(3, true);
	struct timespec a, b;

	for (unsigned i = 0; i < 5; i++)
		add(w, i);
	CHECK(soon(&running, 3));
	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK(!workers_stop(w, 200));
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK(b.tv_sec - a.tv_sec <= 2);
	hold = false; /* and what was queued is done all the same */
	CHECK(soon(&done, 5));
	CHECK(workers_stop(w, 5000));
	workers_free(w);
}

TEST(workers_that_never_worked_can_end)
{
	struct workers *w = begin(3, false);

	CHECK(workers_stop(w, 0));
	workers_free(w);
	workers_free(NULL);
}

int
main(void)
{
	RUN(every_job_is_done_once);
	RUN(one_worker_keeps_the_order);
	RUN(jobs_that_wait_get_threads_up_to_the_limit);
	RUN(a_key_that_hangs_leaves_threads_to_others);
	RUN(what_is_queued_at_the_end_is_done_within_its_share);
	RUN(writes_of_a_key_come_to_one_worker_together_and_in_order);
	RUN(a_sync_that_waits_holds_up_neither_writes_nor_reads);
	RUN(reads_are_shared_out);
	RUN(all_kinds_of_a_key_that_hangs_have_its_share_together);
	RUN(the_kinds_of_a_key_take_turns);
	RUN(jobs_one_after_the_other_need_one_thread);
	RUN(a_stuck_job_does_not_hold_the_end_up);
	RUN(workers_that_never_worked_can_end);
	return DONE();
}
