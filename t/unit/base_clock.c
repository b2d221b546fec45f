/* clock: numbers for times, and back. */
#include "base/clock.h"

#include "unit.h"

TEST(a_time_is_its_nanoseconds)
{
	struct timespec ts = { .tv_sec = 3, .tv_nsec = 5 };

	CHECK(clock_number(&ts) == UINT64_C(3000000005));
	CHECK(clock_now(CLOCK_REALTIME) / CLOCK_SECOND + 2 >
	    (uint64_t)time(NULL));
}

TEST(a_time_to_come_is_a_valid_one_however_far)
{
	static const uint64_t ahead[] = { 0, 1, 999999999, CLOCK_SECOND,
		90 * CLOCK_SECOND + 999 * CLOCK_MS };
	struct timespec ts;
	uint64_t before, after;
	size_t i;

	for (i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		before = clock_now(CLOCK_MONOTONIC);
		ts = clock_after(ahead[i]);
		after = clock_now(CLOCK_MONOTONIC);
		CHECK(ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000);
		CHECK(clock_number(&ts) >= before + ahead[i]);
		CHECK(clock_number(&ts) <= after + ahead[i]);
	}
}

int
main(void)
{
	RUN(a_time_is_its_nanoseconds);
	RUN(a_time_to_come_is_a_valid_one_however_far);
	return DONE();
}
