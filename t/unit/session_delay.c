/*
 * A session whose answers come from another thread, after a while: the host
 * brings them back to the session's own, as a loop does.
 */
#include <time.h>

#include "session_host.h"
#include "unit.h"

static struct host host;
static struct buf say;

/* The way back: what the backend's thread has answered. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static struct io *back[QUEUE_MAX];
static size_t nback;

static void
done_elsewhere(struct io *io)
{
	pthread_mutex_lock(&lock);
	back[nback++] = io;
	pthread_cond_signal(&came);
	pthread_mutex_unlock(&lock);
}

/* May be called anywhere that blocking is allowed: here it is. */
static void
work_now(void *arg, struct backend *b, struct io *io)
{
	(void)arg;
	io->backend = b;
	if (backend_work(b, io) == IO_DONE)
		io->done(io);
}

static struct io *
next_answer(void)
{
	struct io *io;

	pthread_mutex_lock(&lock);
	while (nback == 0)
		pthread_cond_wait(&came, &lock);
	io = back[0];
	memmove(back, back + 1, --nback * sizeof(back[0]));
	pthread_mutex_unlock(&lock);
	return io;
}

static void
until_quiet(void)
{
	while (session_pending(host.session) > 0) {
		session_complete(next_answer());
		host_run(&host);
	}
}

/* disk and pattern answer late. */
static void
begin(unsigned delay_us)
{
	static struct session_host calls;

	host_begin(&host);
	calls = host_calls;
	calls.work = work_now;
	calls.done = done_elsewhere;
	buf_init(&say, SIZE_MAX / 2);
	for (unsigned i = 0; i < 2; i++)
		host.exports[i]->backend = delay_backend(
		    host.exports[i]->backend, delay_us, NULL);
	host.config.peer = &host.peer;
	host.config.pool = &host.pool;
	host.session = session_new(&calls, &host, &host.config);
	put_flags(&say, NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
}

static void
go(const char *name)
{
	put_go(&say, NBD_OPT_GO, name, 0);
	host_feed(&host, say.data, say.len);
	host.read = host.out.len;
	buf_reset(&say);
}

static void
end(void)
{
	until_quiet();
	CHECK(host_end_session(&host));
	buf_free(&say);
	host_end(&host);
}

TEST(answers_from_another_thread_are_right_and_complete)
{
	uint64_t cookie;
	unsigned answers = 0;

	begin(200);
	go("pattern");
	for (uint64_t i = 0; i < 300; i++)
		put_request(&say, NBD_CMD_READ, 0, i, i * 8,
		    i % 7 == 0 ? 600000 : i % 3 == 0 ? 40000 : 4096);
	host_feed(&host, say.data, say.len);
	until_quiet();
	CHECK(host.in.len == 0 && host.verdict == SESSION_MORE);
	while (host_reply(&host, &cookie) == 0) {
		uint32_t n = cookie % 7 == 0 ? 600000 :
		    cookie % 3 == 0 ? 40000 : 4096;
		const unsigned char *p = host_take(&host, n);

		CHECK(p != NULL && is_pattern(p, cookie * 8, n));
		answers++;
	}
	CHECK(answers == 300 && host_nothing_more(&host));
	end();
}

TEST(writes_from_another_thread_are_all_there)
{
	uint64_t cookie;

	begin(100);
	go("disk");
	for (uint64_t i = 0; i < 40; i++)
		put_write(&say, i % 2, i, i * 20000, 20000,
		    (1 << 20) + i * 20000);
	put_write(&say, NBD_CMD_FLAG_FUA, 40, 0, 800000, 1 << 20);
	host_feed(&host, say.data, say.len);
	until_quiet();
	for (uint64_t i = 0; i <= 40; i++)
		CHECK(host_reply(&host, &cookie) == 0);
	CHECK(host_nothing_more(&host));
	buf_reset(&say);
	put_request(&say, NBD_CMD_READ, 0, 41, 0, 800000);
	host_feed(&host, say.data, say.len);
	until_quiet();
	CHECK(host_replied(&host, 41, 0));
	CHECK(is_pattern(host_take(&host, 800000), 1 << 20, 800000));
	end();
}

/* The connection's end waits for what others still hold of its memory. */
TEST(a_client_that_vanishes_leaves_answers_that_find_their_way)
{
	for (int i = 0; i < 20; i++) {
		begin(300);
		go("disk");
		for (uint64_t j = 0; j < 10; j++) {
			put_request(&say, NBD_CMD_READ, 0, j, 0, 300000);
			put_write(&say, 0, j, 0, 300000, 0);
		}
		host_feed(&host, say.data, say.len - (size_t)i * 9999);
		CHECK(session_pending(host.session) > 0);
		end();
	}
}

int
main(void)
{
	RUN(answers_from_another_thread_are_right_and_complete);
	RUN(writes_from_another_thread_are_all_there);
	RUN(a_client_that_vanishes_leaves_answers_that_find_their_way);
	return DONE();
}
