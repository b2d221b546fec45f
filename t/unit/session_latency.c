/*
 * How long requests take, by the host's clock: those of one turn together,
 * those that waited each by itself.
 */
#include "session_host.h"
#include "unit.h"

static struct host host;
static struct stats_counters counters;
static uint64_t now; /* ns */

static void
begin(enum answer answer)
{
	memset(&counters, 0, sizeof(counters));
	now = 1000000;
	host_begin(&host);
	host.config.now = &now;
	host.counters = &counters;
	host.answer = answer;
	host_go(&host, "disk");
}

static void
end(void)
{
	CHECK(host_end_session(&host));
	host_end(&host);
}

static void
ask(uint16_t command, uint32_t length)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	put_request(&b, command, 0, 1, 0, length);
	host_feed(&host, b.data, b.len);
	buf_free(&b);
}

static uint64_t
counted(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < STATS_LATENCIES; i++)
		sum += atomic_load(&counters.latency[i]);
	return sum;
}

TEST(what_one_turn_answers_is_counted_when_the_turn_is_over)
{
	begin(ANSWER_NOW);
	CHECK(!session_replied(host.session));
	ask(NBD_CMD_READ, 512);
	ask(NBD_CMD_READ, 65536); /* by an io, answered at once */
	ask(NBD_CMD_FLUSH, 0);
	ask(99, 0); /* refused */
	CHECK(session_replied(host.session) && counted() == 0);
	session_took(host.session, 20000);
	CHECK(!session_replied(host.session));
	CHECK(counted() == 4 && atomic_load(&counters.latency[2]) == 4);
	CHECK(atomic_load(&counters.latency_ns) == 80000);
	session_took(host.session, 20000);
	CHECK(counted() == 4);
	end();
}

TEST(what_waited_has_its_own_time)
{
	begin(ANSWER_WORK);
	ask(NBD_CMD_READ, 65536);
	now += 1000000;
	ask(NBD_CMD_FLUSH, 0);
	CHECK(!session_replied(host.session) && counted() == 0);
	now += 2000000;
	host_complete_all(&host);
	/* 3 ms and 2 ms: up to 4.096 ms and up to 2.048 ms. */
	CHECK(!session_replied(host.session) && counted() == 2);
	CHECK(atomic_load(&counters.latency[8]) == 1);
	CHECK(atomic_load(&counters.latency[9]) == 1);
	CHECK(atomic_load(&counters.latency_ns) == 5000000);
	end();
}

TEST(both_kinds_in_one_turn_keep_apart)
{
	begin(ANSWER_WORK);
	ask(NBD_CMD_FLUSH, 0);
	now += 1000000;
	ask(99, 0);
	host_complete_all(&host);
	CHECK(session_replied(host.session) && counted() == 1);
	session_took(host.session, 8000);
	CHECK(counted() == 2 && atomic_load(&counters.latency[0]) == 1);
	CHECK(atomic_load(&counters.latency_ns) == 1008000);
	end();
}

TEST(without_a_clock_nothing_is_timed)
{
	memset(&counters, 0, sizeof(counters));
	host_begin(&host);
	host.counters = &counters;
	host.answer = ANSWER_WORK;
	host_go(&host, "disk");
	ask(NBD_CMD_READ, 65536);
	host_complete_all(&host);
	CHECK(counted() == 0);
	CHECK(atomic_load(&counters.requests[STATS_READ]) == 1);
	end();
}

int
main(void)
{
	RUN(what_one_turn_answers_is_counted_when_the_turn_is_over);
	RUN(what_waited_has_its_own_time);
	RUN(both_kinds_in_one_turn_keep_apart);
	RUN(without_a_clock_nothing_is_timed);
	return DONE();
}
