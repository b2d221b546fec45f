/*
 * Transmission without sockets: reads and writes of every size, completed in
 * any order, for clients that are slow, that leave, or that lie.
 */
#include <sys/mman.h>

#include "session_host.h"
#include "unit.h"

static struct host host;
static struct buf say; /* what the client says next */

static void
begin(const char *name)
{
	host_begin(&host);
	buf_init(&say, SIZE_MAX / 2);
	host_go(&host, name);
}

static void
end(void)
{
	CHECK(host_end_session(&host));
	buf_free(&say);
	host_end(&host);
}

static void
said(void)
{
	host_feed(&host, say.data, say.len);
	buf_reset(&say);
}

static void
read_at(uint64_t cookie, uint64_t offset, uint32_t length)
{
	put_request(&say, NBD_CMD_READ, 0, cookie, offset, length);
}

static bool
got_pattern(uint64_t cookie, uint64_t offset, uint32_t length)
{
	const unsigned char *p;

	if (!host_replied(&host, cookie, 0))
		return false;
	p = host_take(&host, length);
	return p != NULL && is_pattern(p, offset, length);
}

/* The next reply is to one of the requests, whose cookie is its number. */
static bool
got_any(const uint32_t *sizes, size_t count)
{
	const unsigned char *p;
	uint64_t cookie;

	if (host_reply(&host, &cookie) != 0 || cookie >= count)
		return false;
	p = host_take(&host, sizes[cookie]);
	return p != NULL && is_pattern(p, cookie * 3, sizes[cookie]);
}

TEST(reads_of_every_size_class_hold_the_right_bytes)
{
	static const uint32_t sizes[] = { 0, 1, 511, 4096, 32768, 32769, 65536,
		262143, 262144, 262145, 300001, 524288, 1000000 };

	for (enum answer a = ANSWER_NOW; a <= ANSWER_MIXED; a++) {
		begin("pattern");
		host.answer = a;
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			read_at(i, i * 3, sizes[i]);
			said();
			host_complete_all(&host);
			CHECK(got_pattern(i, i * 3, sizes[i]));
		}
		CHECK(host_nothing_more(&host));
		end();
	}
}

/* Also cut at any byte, among pieces that were copied and small replies. */
TEST(reads_that_are_sent_from_a_file_hold_the_right_bytes)
{
	static const uint32_t sizes[] = { 32768, 40000, 65536, 262144, 262145,
		600001, 4096, 1000000 };
	static const size_t windows[] = { SIZE_MAX, 1000, 65537 };

	for (size_t w = 0; w < 3; w++)
		for (enum answer a = ANSWER_NOW; a <= ANSWER_MIXED; a++) {
			begin("pattern");
			host.config.send_files = true;
			host_end_session(&host);
			host_go(&host, "pattern");
			host.file = memfd_create("pattern", 0);
			CHECK(write(host.file, host_disk(&host, 1),
			    DISK_SIZE) == DISK_SIZE);
			host.answer = a;
			host.window = windows[w];
			for (size_t i = 0; i < 8; i++)
				read_at(i, i * 3, sizes[i]);
			said();
			host_complete_all(&host);
			host.window = SIZE_MAX;
			host_run(&host);
			host_complete_all(&host);
			for (size_t i = 0; i < 8; i++)
				CHECK(got_any(sizes, 8));
			CHECK(host_nothing_more(&host));
			end();
			close(host.file);
		}
}

/* Let one that waits end; the session goes on later. */
static void
answer_first(int error)
{
	struct io *io = host.queue[0];

	host.queue[0] = host.queue[--host.queued];
	host.fail = error;
	backend_work(io->backend, io);
	host.fail = 0;
	io->done(io);
}

/* The client would take it for the rest of the data. */
TEST(nothing_follows_a_reply_that_ended_in_its_middle)
{
	begin("pattern");
	host.config.send_files = true;
	host_end_session(&host);
	host_go(&host, "pattern");
	host.file = memfd_create("pattern", 0);
	host.no_file = true;
	host.answer = ANSWER_MIXED; /* that it can be sent is said at once */
	read_at(1, 0, 65536);
	said();
	CHECK(host_replied(&host, 1, 0));
	put_request(&say, NBD_CMD_FLUSH, 0, 2, 0, 0);
	said();
	CHECK(host.queued == 2);
	answer_first(EIO);
	answer_first(0);
	host_run(&host);
	CHECK(host.verdict == SESSION_CLOSE);
	CHECK(session_queued(host.session) == 0);
	CHECK(host_nothing_more(&host));
	close(host.file);
	end();
}

TEST(replies_come_in_the_order_in_which_requests_end)
{
	begin("pattern");
	host.answer = ANSWER_WORK;
	for (uint64_t i = 0; i < 5; i++)
		read_at(i, i * 4096, 4096);
	said();
	CHECK(host.queued == 5 && host_nothing_more(&host));
	host_complete(&host, 4);
	CHECK(got_pattern(4, 4 * 4096, 4096) && host_nothing_more(&host));
	host_complete(&host, 1);
	host_complete(&host, 2); /* what was the fourth */
	CHECK(got_pattern(1, 4096, 4096) && got_pattern(3, 3 * 4096, 4096));
	host_complete_all(&host);
	CHECK(got_pattern(0, 0, 4096) && got_pattern(2, 2 * 4096, 4096));
	CHECK(host_nothing_more(&host));
	end();
}

TEST(other_replies_wait_for_the_end_of_a_long_read)
{
	begin("pattern");
	host.answer = ANSWER_LATER;
	read_at(1, 0, 800000);
	read_at(2, 64, 64);
	said();
	put_request(&say, NBD_CMD_FLUSH, 0, 3, 0, 0);
	put_request(&say, 99, 0, 4, 0, 0);
	said();
	while (host.queued > 0) /* whatever came last ends first */
		host_complete(&host, host.queued - 1);
	CHECK(got_pattern(1, 0, 800000));
	CHECK(host_replied(&host, 4, NBD_EINVAL));
	CHECK(host_replied(&host, 3, 0) && got_pattern(2, 64, 64));
	CHECK(host_nothing_more(&host));
	end();
}

/* With simple replies only the end of the connection can tell of it. */
TEST(nothing_follows_a_read_that_broke_off_in_the_middle)
{
	size_t before;

	begin("pattern");
	host.answer = ANSWER_LATER;
	read_at(1, 0, 900000);
	read_at(2, 4096, 200000);
	read_at(3, 8192, 200000);
	said();
	CHECK(host.queued == 3);
	host_complete(&host, 0); /* the first piece */
	before = host.out.len - host.read;
	CHECK(before == WIRE_SIMPLE_REPLY + 262144 && host.queued == 3);
	host_complete(&host, 0);
	put_request(&say, NBD_CMD_FLUSH, 0, 4, 0, 0);
	said();
	host.fail = EIO;
	host_complete(&host, 1); /* the second piece */
	CHECK(host.verdict == SESSION_CLOSE);
	host.fail = 0;
	host_complete_all(&host);
	CHECK(host.out.len - host.read == before);
	CHECK_STR(session_reason(host.session),
	    "read error in the middle of a reply");
	end();
}

TEST(a_read_that_fails_before_its_first_byte_is_an_error_without_data)
{
	static const uint32_t sizes[] = { 16, 40000, 262144, 700000 };

	for (enum answer a = ANSWER_NOW; a <= ANSWER_LATER; a++) {
		begin("pattern");
		host.answer = a;
		host.fail = EIO;
		for (size_t i = 0; i < 4; i++) {
			read_at(i, 0, sizes[i]);
			said();
			host_complete_all(&host);
			CHECK(host_replied(&host, i, NBD_EIO));
			CHECK(host_nothing_more(&host));
		}
		host.fail = 0;
		read_at(9, 0, 700000);
		said();
		host_complete_all(&host);
		CHECK(got_pattern(9, 0, 700000));
		end();
	}
}

TEST(writes_of_every_size_class_arrive)
{
	static const uint32_t sizes[] = { 0, 1, 4096, 16384, 262143, 262144,
		262145, 300001, 1000000 };
	unsigned char *disk;

	for (enum answer a = ANSWER_NOW; a <= ANSWER_MIXED; a++) {
		begin("disk");
		host.answer = a;
		disk = host_disk(&host, 0);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			uint16_t flags = i % 2 ? NBD_CMD_FLAG_FUA : 0;

			put_write(&say, flags, i, 77, sizes[i], i << 32);
			said();
			host_complete_all(&host);
			CHECK(host_replied(&host, i, 0));
			CHECK(is_pattern(disk + 77, i << 32, sizes[i]));
			CHECK(is_pattern(disk + 77 + sizes[i],
			    77 + sizes[i], 16) || i > 0);
		}
		CHECK(is_pattern(disk, 0, 77));
		end();
	}
}

TEST(a_long_write_takes_as_little_memory_as_a_short_one)
{
	begin("disk");
	host.answer = ANSWER_NOW;
	put_write(&say, 0, 1, 0, DISK_SIZE, 4096);
	said();
	CHECK(host_replied(&host, 1, 0));
	CHECK(host.peak_used < CHUNK_WRITE + 300 * HOST_KiB);
	CHECK(is_pattern(host_disk(&host, 0), 4096, DISK_SIZE));
	end();
}

/* A slow disk makes the client wait, rather than the memory grow. */
TEST(payload_is_not_taken_faster_than_it_is_written)
{
	begin("disk");
	host.answer = ANSWER_LATER;
	for (uint64_t i = 0; i < 16; i++)
		put_write(&say, 0, i, 0, DISK_SIZE, i * 8);
	said();
	CHECK(host.verdict == SESSION_WAIT);
	CHECK(host.budget.used < host.config.max_queued + 300 * HOST_KiB);
	host_complete_all(&host);
	for (uint64_t i = 0; i < 16; i++)
		CHECK(host_replied(&host, i, 0));
	CHECK(host.peak_used < host.config.max_queued + 300 * HOST_KiB);
	end();
}

TEST(payload_can_be_received_into_its_place)
{
	unsigned char pattern[400000];
	void *place;
	size_t n, done = 0, direct = 0;

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = pattern_at(4096 + i);
	begin("disk");
	put_request(&say, NBD_CMD_WRITE, 0, 1, 0, sizeof(pattern));
	said();
	while (done < sizeof(pattern)) {
		n = session_space(host.session, &place);
		if (n == 0) {
			host_feed(&host, pattern + done, 1000);
			done += 1000;
			continue;
		}
		n = n > 30000 ? 30000 : n;
		CHECK(n <= sizeof(pattern) - done);
		memcpy(place, pattern + done, n);
		session_filled(host.session, n);
		host_run(&host);
		direct += n;
		done += n;
	}
	CHECK(done == sizeof(pattern) && direct > 300000);
	CHECK(host_replied(&host, 1, 0));
	CHECK(is_pattern(host_disk(&host, 0), 4096, sizeof(pattern)));
	end();
}

TEST(a_failed_write_stays_in_step_with_the_stream)
{
	for (enum answer a = ANSWER_NOW; a <= ANSWER_LATER; a++) {
		begin("disk");
		host.answer = a;
		host.fail = ENOSPC;
		put_write(&say, 0, 1, 0, 700000, 0);
		put_write(&say, 0, 2, 0, 512, 0);
		said();
		host_complete_all(&host);
		host.fail = 0;
		read_at(3, 0, 64);
		said();
		host_complete_all(&host);
		CHECK(host_replied(&host, 1, NBD_ENOSPC));
		CHECK(host_replied(&host, 2, NBD_ENOSPC));
		CHECK(got_pattern(3, 0, 64) && host_nothing_more(&host));
		end();
	}
}

TEST(refused_requests_stay_in_step_with_the_stream)
{
	begin("pattern");
	put_write(&say, 0, 1, 0, 5000, 0);
	put_request(&say, NBD_CMD_TRIM, 0, 2, 0, 512);
	put_request(&say, NBD_CMD_READ, 0x8000, 3, 0, 512);
	read_at(4, DISK_SIZE - 1, 2);
	read_at(5, UINT64_MAX, 2);
	read_at(6, 0, UINT32_MAX);
	put_request(&say, NBD_CMD_BLOCK_STATUS, 0, 7, 0, 512);
	put_request(&say, 0xffff, 0xffff, 8, 0, UINT32_MAX);
	read_at(9, 8, 8);
	said();
	CHECK(host_replied(&host, 1, NBD_EPERM));
	CHECK(host_replied(&host, 2, NBD_EPERM));
	for (uint64_t cookie = 3; cookie < 9; cookie++)
		CHECK(host_replied(&host, cookie, NBD_EINVAL));
	CHECK(got_pattern(9, 8, 8) && host_nothing_more(&host));
	end();
}

TEST(a_write_that_is_cut_off_in_its_only_piece_changes_nothing)
{
	begin("disk");
	put_write(&say, 0, 1, 0, CHUNK_WRITE, 4096);
	host_feed(&host, say.data, say.len - 1);
	CHECK(host.verdict == SESSION_MORE && host_nothing_more(&host));
	CHECK(session_awaits(host.session) == 1);
	CHECK(is_pattern(host_disk(&host, 0), 0, CHUNK_WRITE));
	end();
}

/* Many small replies and a long read that nobody takes. */
TEST(a_client_that_does_not_read_is_not_listened_to_either)
{
	size_t left;

	begin("pattern");
	host.window = 0;
	for (uint64_t i = 0; i < 4000; i++)
		read_at(i, i * 8, 16384);
	read_at(4000, 0, DISK_SIZE);
	said();
	left = host.in.len;
	CHECK(host.verdict == SESSION_WAIT && left > 0);
	CHECK(host.budget.used < host.config.max_queued + 600 * HOST_KiB);
	host_run(&host);
	CHECK(host.in.len == left);
	host.window = 5000;
	while (host.verdict == SESSION_WAIT ||
	    session_queued(host.session) > 0)
		host_run(&host);
	CHECK(host.peak_used < host.config.max_queued + 600 * HOST_KiB);
	for (uint64_t i = 0; i < 4000; i++)
		CHECK(got_pattern(i, i * 8, 16384));
	CHECK(got_pattern(4000, 0, DISK_SIZE) && host_nothing_more(&host));
	end();
}

TEST(no_more_requests_are_in_progress_than_allowed)
{
	begin("pattern");
	CHECK(host_end_session(&host));
	host.config.max_requests = 4;
	host_go(&host, "pattern");
	host.answer = ANSWER_LATER;
	for (uint64_t i = 0; i < 20; i++)
		read_at(i, 0, 512);
	said();
	CHECK(host.queued == 4 && host.verdict == SESSION_WAIT);
	host_complete(&host, 0);
	CHECK(host.queued == 4);
	host_complete_all(&host);
	CHECK(host.verdict == SESSION_MORE);
	for (int i = 0; i < 20; i++) {
		uint64_t cookie;

		CHECK(host_reply(&host, &cookie) == 0);
		CHECK(host_take(&host, 512) != NULL);
	}
	CHECK(host_nothing_more(&host));
	end();
}

/* Others have all the memory: slow, one thing at a time, but it gets on. */
TEST(without_a_budget_everything_is_still_answered)
{
	for (enum answer a = ANSWER_NOW; a <= ANSWER_MIXED; a++) {
		begin("disk");
		host.answer = a;
		host.budget.limit = 0;
		for (uint64_t i = 0; i < 8; i++) {
			read_at(4 * i, 64, 700000);
			put_write(&say, 0, 4 * i + 1, 0, 600000, 0);
			put_request(&say, NBD_CMD_FLUSH, 0, 4 * i + 2, 0, 0);
			read_at(4 * i + 3, 8, 100);
		}
		said();
		host_complete_all(&host);
		CHECK(host.verdict == SESSION_MORE && host.in.len == 0);
		CHECK(host.peak_used < 700 * HOST_KiB);
		for (int i = 0; i < 32; i++) {
			uint64_t cookie = 99;

			CHECK(host_reply(&host, &cookie) == 0);
			if (cookie % 4 == 0)
				CHECK(host_take(&host, 700000) != NULL);
			if (cookie % 4 == 3)
				CHECK(host_take(&host, 100) != NULL);
		}
		CHECK(host_nothing_more(&host));
		end();
	}
}

TEST(a_hungry_neighbour_does_not_starve_a_session)
{
	struct session *greedy;

	begin("pattern");
	host.budget.limit = 600 * HOST_KiB;
	host.window = 0;
	for (uint64_t i = 0; i < 100; i++)
		read_at(i, 0, 262144);
	said();
	CHECK(host.budget.used > 500 * HOST_KiB);
	greedy = host.session;
	host.window = SIZE_MAX;
	host_go(&host, "pattern");
	for (uint64_t i = 0; i < 100; i++)
		read_at(i, i, 300000);
	said();
	for (uint64_t i = 0; i < 100; i++)
		CHECK(got_pattern(i, i, 300000));
	CHECK(host_nothing_more(&host));
	session_free(greedy);
	end();
}

TEST(a_turn_ends_after_its_share_of_requests_or_of_bytes)
{
	size_t used, before;

	begin("pattern");
	for (uint64_t i = 0; i < 1000; i++)
		put_request(&say, NBD_CMD_FLUSH, 0, i, 0, 0);
	CHECK(session_run(host.session, say.data, say.len, &used) ==
	    SESSION_AGAIN);
	CHECK(used == 128 * WIRE_REQUEST);
	host_feed(&host, say.data + used, say.len - used);
	CHECK(host.in.len == 0);
	buf_reset(&say);
	for (uint64_t i = 0; i < 100; i++)
		read_at(i, 0, 32768);
	before = session_queued(host.session);
	CHECK(session_run(host.session, say.data, say.len, &used) ==
	    SESSION_AGAIN);
	CHECK(session_queued(host.session) - before < 300 * HOST_KiB);
	CHECK(used < 12 * WIRE_REQUEST);
	end();
}

TEST(after_a_shutdown_what_is_in_flight_is_answered_and_nothing_else)
{
	begin("disk");
	host.answer = ANSWER_LATER;
	read_at(1, 0, 4096);
	put_write(&say, 0, 2, 0, 500000, 8);
	host_feed(&host, say.data, say.len - 100000);
	CHECK(!session_quiet(host.session));
	session_shutdown(host.session, "server is shutting down");
	host_feed(&host, say.data + say.len - 100000, 100000);
	buf_reset(&say);
	read_at(3, 0, 4096);
	put_write(&say, 0, 4, 0, 4096, 0);
	put_request(&say, NBD_CMD_FLUSH, 0, 5, 0, 0);
	said();
	CHECK(host_replied(&host, 3, NBD_ESHUTDOWN));
	CHECK(host_replied(&host, 4, NBD_ESHUTDOWN));
	CHECK(host_replied(&host, 5, NBD_ESHUTDOWN));
	CHECK(!session_quiet(host.session) && host_nothing_more(&host));
	host_complete_all(&host);
	CHECK(host_reply(&host, &(uint64_t){ 0 }) == 0);
	CHECK(session_quiet(host.session));
	CHECK(is_pattern(host_disk(&host, 0), 8, 500000));
	end();
}

TEST(disconnecting_answers_what_came_before_and_ignores_the_rest)
{
	begin("disk");
	host.answer = ANSWER_LATER;
	read_at(1, 0, 700000);
	put_write(&say, 0, 2, DISK_SIZE - 8, 8, 0);
	put_request(&say, NBD_CMD_DISC, 0, 3, 0, 0);
	read_at(4, 0, 4096);
	buf_add(&say, "no request at all, but 28 or more", 33);
	said();
	CHECK(host.verdict == SESSION_WAIT);
	host_complete_all(&host);
	CHECK(host.verdict == SESSION_CLOSE);
	CHECK_STR(session_reason(host.session), "client disconnected");
	CHECK(got_pattern(1, 0, 700000));
	CHECK(host_replied(&host, 2, 0) && host_nothing_more(&host));
	end();
}

TEST(a_bad_magic_ends_it_without_another_word)
{
	begin("disk");
	host.answer = ANSWER_LATER;
	read_at(1, 0, 64);
	buf_add(&say, "this has no magic at its begin", 28);
	said();
	CHECK(host.verdict == SESSION_CLOSE && host_nothing_more(&host));
	end();
}

TEST(a_client_may_vanish_while_everything_is_going_on)
{
	for (int slow = 0; slow < 2; slow++) {
		begin("disk");
		host.answer = ANSWER_MIXED;
		host.window = slow ? 0 : SIZE_MAX;
		for (uint64_t i = 0; i < 20; i++) {
			read_at(i, 0, 900000);
			read_at(i, 0, 200000);
			put_write(&say, NBD_CMD_FLAG_FUA, i, 0, 500000, 0);
		}
		host_feed(&host, say.data, say.len - 10);
		end();
	}
}

int
main(void)
{
	RUN(reads_of_every_size_class_hold_the_right_bytes);
	RUN(reads_that_are_sent_from_a_file_hold_the_right_bytes);
	RUN(nothing_follows_a_reply_that_ended_in_its_middle);
	RUN(replies_come_in_the_order_in_which_requests_end);
	RUN(other_replies_wait_for_the_end_of_a_long_read);
	RUN(nothing_follows_a_read_that_broke_off_in_the_middle);
	RUN(a_read_that_fails_before_its_first_byte_is_an_error_without_data);
	RUN(writes_of_every_size_class_arrive);
	RUN(a_long_write_takes_as_little_memory_as_a_short_one);
	RUN(payload_is_not_taken_faster_than_it_is_written);
	RUN(payload_can_be_received_into_its_place);
	RUN(a_failed_write_stays_in_step_with_the_stream);
	RUN(refused_requests_stay_in_step_with_the_stream);
	RUN(a_write_that_is_cut_off_in_its_only_piece_changes_nothing);
	RUN(a_client_that_does_not_read_is_not_listened_to_either);
	RUN(no_more_requests_are_in_progress_than_allowed);
	RUN(without_a_budget_everything_is_still_answered);
	RUN(a_hungry_neighbour_does_not_starve_a_session);
	RUN(a_turn_ends_after_its_share_of_requests_or_of_bytes);
	RUN(after_a_shutdown_what_is_in_flight_is_answered_and_nothing_else);
	RUN(disconnecting_answers_what_came_before_and_ignores_the_rest);
	RUN(a_bad_magic_ends_it_without_another_word);
	RUN(a_client_may_vanish_while_everything_is_going_on);
	return DONE();
}
