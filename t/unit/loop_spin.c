/* When a loop looks again rather than sleeps. */
#include "base/clock.h"
#include "loop/spin.h"
#include "unit.h"

#define US UINT64_C(1000)
#define T0 (1000 * CLOCK_SECOND)

TEST(after_work_it_looks_for_its_time)
{
	struct spin s = { .time = 50 * US };

	CHECK(!spin_looks(&s, false, T0));
	CHECK(spin_looks(&s, true, T0));
	CHECK(spin_looks(&s, false, T0 + 49 * US));
	CHECK(!spin_looks(&s, false, T0 + 50 * US));
	CHECK(spin_looks(&s, true, T0 + 90 * US));
	CHECK(spin_looks(&s, true, T0 + 130 * US));
	CHECK(spin_looks(&s, false, T0 + 179 * US));
	CHECK(!spin_looks(&s, false, T0 + 180 * US));
}

TEST(where_others_compute_it_sleeps_longer_and_longer)
{
	struct spin s = { .time = 50 * US };
	uint64_t now = T0, last = 0;

	for (int i = 0; i < 6; i++) {
		CHECK(spin_looks(&s, true, now));
		spin_offered(&s, now, 3 * CLOCK_MS);
		CHECK(!spin_looks(&s, false, now + 1));
		CHECK(!spin_looks(&s, true, now + 3 * CLOCK_MS));
		CHECK(s.calm > now + last || i == 5);
		last = s.calm - now;
		CHECK(!spin_looks(&s, true, s.calm - 1));
		now = s.calm;
	}
	CHECK(last < CLOCK_SECOND);
}

TEST(who_gives_the_cpu_back_soon_is_no_reason_to_sleep)
{
	struct spin s = { .time = 50 * US };

	CHECK(spin_looks(&s, true, T0));
	spin_offered(&s, T0, 3 * CLOCK_MS);
	CHECK(spin_looks(&s, true, s.calm));
	spin_offered(&s, s.calm, 500 * US);
	CHECK(spin_looks(&s, true, s.calm + 500 * US));
	CHECK(s.rest == 0);
}

TEST(a_time_of_none_never_looks)
{
	struct spin s = { .time = 0 };

	CHECK(!spin_on(&s, true, T0));
	CHECK(!spin_on(&s, false, T0));
}

int
main(void)
{
	RUN(after_work_it_looks_for_its_time);
	RUN(where_others_compute_it_sleeps_longer_and_longer);
	RUN(who_gives_the_cpu_back_soon_is_no_reason_to_sleep);
	RUN(a_time_of_none_never_looks);
	return DONE();
}
