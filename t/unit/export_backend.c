/* Backends: the pattern, the delay, and what no kind gets to see. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "export/backend.h"
#include "unit.h"

#define SIZE (1024 * 1024)

static unsigned char
pattern_byte(uint64_t at)
{
	return (unsigned char)((at & ~7ULL) >> (56 - 8 * (at & 7)));
}

static int
run(struct backend *b, enum io_op op, uint64_t offset, uint64_t length,
    void *data)
{
	struct io io = { .op = op, .offset = offset, .length = length,
		.data = data, .error = -1 };

	if (backend_submit(b, &io) == IO_BLOCK)
		CHECK(backend_work(b, &io) == IO_DONE);
	return io.error;
}

TEST(every_byte_of_the_pattern_tells_its_place)
{
	struct backend *b = pattern_backend(SIZE, NULL);
	static const struct { uint64_t offset, length; } cases[] = {
		{ 0, 64 }, { 1, 6 }, { 7, 2 }, { 3, 1 }, { 4093, 4099 },
		{ SIZE - 5, 5 }, { 0, SIZE },
	};
	unsigned char *data = malloc(SIZE);
	size_t i, j;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t at = cases[i].offset, n = cases[i].length;
		bool same = true;

		memset(data, 0xee, SIZE);
		CHECK(run(b, IO_READ, at, n, data) == 0);
		for (j = 0; j < n; j++)
			same = same && data[j] == pattern_byte(at + j);
		CHECK(same);
		CHECK(n == SIZE || data[n] == 0xee);
		memset(data, 0xee, SIZE);
		CHECK(backend_read_now(b, data, at, n) == 0);
		CHECK(data[n - 1] == pattern_byte(at + n - 1));
	}
	free(data);
	backend_free(b);
}

TEST(a_word_of_the_pattern_is_its_offset_in_big_endian)
{
	static const unsigned char want[] = { 0, 0, 0, 0, 0, 0, 0x0f, 0xf8 };
	struct backend *b = pattern_backend(SIZE, NULL);
	unsigned char got[8];

	CHECK(run(b, IO_READ, 0xff8, 8, got) == 0);
	CHECK(memcmp(got, want, 8) == 0);
	backend_free(b);
}

TEST(a_read_only_backend_never_sees_a_write)
{
	struct backend *b = pattern_backend(SIZE, NULL);
	char data[16] = "";

	CHECK(!(b->caps & (BACKEND_WRITE | BACKEND_TRIM | BACKEND_ZERO)));
	CHECK(run(b, IO_WRITE, 0, 16, data) == EPERM);
	CHECK(run(b, IO_TRIM, 0, 16, NULL) == EPERM);
	CHECK(run(b, IO_ZERO, 0, 16, NULL) == EPERM);
	CHECK(run(b, IO_FLUSH, 0, 0, NULL) == 0);
	CHECK(run(b, IO_CACHE, 0, 16, NULL) == 0);
	backend_free(b);
}

TEST(ranges_outside_are_refused_even_when_they_wrap)
{
	struct backend *b = pattern_backend(SIZE, NULL);
	char data[16];

	CHECK(run(b, IO_READ, SIZE, 1, data) == EINVAL);
	CHECK(run(b, IO_READ, SIZE - 15, 16, data) == EINVAL);
	CHECK(run(b, IO_READ, UINT64_MAX, 2, data) == EINVAL);
	CHECK(run(b, IO_READ, 1, UINT64_MAX, data) == EINVAL);
	CHECK(backend_read_now(b, data, UINT64_MAX, 2) == EINVAL);
	backend_free(b);
}

TEST(requests_of_no_length_succeed)
{
	struct backend *b = pattern_backend(SIZE, NULL);

	CHECK(run(b, IO_READ, SIZE, 0, NULL) == 0);
	CHECK(run(b, IO_CACHE, 0, 0, NULL) == 0);
	CHECK(backend_read_now(b, NULL, SIZE, 0) == 0);
	backend_free(b);
}

/* --- delay --------------------------------------------------------------- */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned done;
	struct io *order[8];
	pthread_t thread;
	struct backend *victim; /* freed from the callback */
};

static void
on_done(struct io *io)
{
	struct waiter *w = io->owner;

	pthread_mutex_lock(&w->lock);
	w->order[w->done++] = io;
	w->thread = pthread_self();
	backend_free(w->victim);
	w->victim = NULL;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static void
await(struct waiter *w, unsigned n)
{
	pthread_mutex_lock(&w->lock);
	while (w->done < n)
		pthread_cond_wait(&w->cond, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define WAITER                                        \
	{                                             \
		.lock = PTHREAD_MUTEX_INITIALIZER,    \
		.cond = PTHREAD_COND_INITIALIZER      \
	}

TEST(a_delayed_request_is_answered_later_by_another_thread)
{
	struct backend *b = delay_backend(pattern_backend(SIZE, NULL), 20000,
	    NULL);
	struct waiter w = WAITER;
	unsigned char data[4][8];
	struct io io[4];
	double start = now();
	int i;

	CHECK(b->size == SIZE && (b->caps & BACKEND_MULTI_CONN));
	CHECK(backend_read_now(b, data[0], 0, 8) == EAGAIN);
	for (i = 0; i < 4; i++) {
		io[i] = (struct io){ .op = IO_READ,
			.offset = (uint64_t)i * 8, .length = 8,
			.data = data[i], .done = on_done, .owner = &w };
		CHECK(backend_submit(b, &io[i]) == IO_BLOCK);
		CHECK(backend_work(b, &io[i]) == IO_LATER);
	}
	await(&w, 4);
	CHECK(now() - start >= 0.02);
	CHECK(!pthread_equal(w.thread, pthread_self()));
	for (i = 0; i < 4; i++) {
		CHECK(w.order[i] == &io[i]);
		CHECK(io[i].error == 0 && data[i][7] == i * 8);
	}
	backend_free(b);
}

TEST(freeing_a_delay_answers_what_is_queued)
{
	struct backend *b = delay_backend(pattern_backend(SIZE, NULL), 30000,
	    NULL);
	struct waiter w = WAITER;
	unsigned char data[8];
	struct io io = { .op = IO_READ, .offset = 8, .length = 8, .data = data,
		.done = on_done, .owner = &w };

	CHECK(backend_work(b, &io) == IO_LATER);
	backend_free(b);
	CHECK(w.done == 1 && data[7] == 8);
}

TEST(a_delay_can_be_freed_by_its_own_answer)
{
	struct backend *b = delay_backend(pattern_backend(SIZE, NULL), 0,
	    NULL);
	struct waiter w = WAITER;
	unsigned char data[8];
	struct io io = { .op = IO_READ, .offset = 8, .length = 8, .data = data,
		.done = on_done, .owner = &w };

	w.victim = b;
	CHECK(backend_work(b, &io) == IO_LATER);
	await(&w, 1);
	CHECK(io.error == 0);
	/* Its thread cleans up; the leak checker sees it when it does not. */
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

int
main(void)
{
	RUN(every_byte_of_the_pattern_tells_its_place);
	RUN(a_word_of_the_pattern_is_its_offset_in_big_endian);
	RUN(a_read_only_backend_never_sees_a_write);
	RUN(ranges_outside_are_refused_even_when_they_wrap);
	RUN(requests_of_no_length_succeed);
	RUN(a_delayed_request_is_answered_later_by_another_thread);
	RUN(freeing_a_delay_answers_what_is_queued);
	RUN(a_delay_can_be_freed_by_its_own_answer);
	return DONE();
}
