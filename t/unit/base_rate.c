/* So many lines a minute, with a clock that the test turns. */
#include "base/rate.h"
#include "unit.h"

#define T0 (1000 * CLOCK_SECOND)

static unsigned
flood(struct rate *r, uint64_t now, unsigned lines, uint64_t *more)
{
	unsigned passed = 0;
	uint64_t told;

	*more = 0;
	for (unsigned i = 0; i < lines; i++) {
		passed += rate_take(r, now, &told);
		*more += told;
	}
	return passed;
}

TEST(ten_thousand_lines_in_a_minute_are_as_many_as_the_limit)
{
	struct rate r;
	uint64_t more;

	rate_init(&r, 20);
	CHECK(flood(&r, T0, 10000, &more) == 20);
	CHECK(more == 0);
	CHECK(flood(&r, T0 + RATE_MINUTE - 1, 10000, &more) == 0);
	CHECK(more == 0);
	rate_destroy(&r);
}

TEST(what_a_minute_held_back_is_told_once_by_the_next_line)
{
	struct rate r;
	uint64_t more;

	rate_init(&r, 5);
	flood(&r, T0, 12, &more);
	CHECK(rate_take(&r, T0 + RATE_MINUTE, &more));
	CHECK(more == 7);
	CHECK(flood(&r, T0 + RATE_MINUTE, 9, &more) == 4);
	CHECK(more == 0);
	rate_destroy(&r);
}

TEST(the_end_of_a_flood_is_told_without_another_line)
{
	struct rate r;
	uint64_t more;

	rate_init(&r, 5);
	flood(&r, T0, 12, &more);
	CHECK(rate_over(&r, T0 + RATE_MINUTE - 1) == 0);
	CHECK(rate_over(&r, T0 + RATE_MINUTE) == 7);
	CHECK(rate_over(&r, T0 + 2 * RATE_MINUTE) == 0);
	CHECK(flood(&r, T0 + RATE_MINUTE + 1, 12, &more) == 5);
	CHECK(more == 0);
	rate_destroy(&r);
}

TEST(lines_that_come_slowly_all_pass)
{
	struct rate r;
	uint64_t more;

	rate_init(&r, 5);
	for (uint64_t i = 0; i < 1000; i++) {
		CHECK(rate_take(&r, T0 + i * RATE_MINUTE / 5, &more));
		CHECK(more == 0);
	}
	CHECK(rate_over(&r, T0 + 1000 * RATE_MINUTE) == 0);
	rate_destroy(&r);
}

TEST(a_minute_is_due_from_its_first_line_to_its_end)
{
	struct rate r;
	uint64_t more;

	rate_init(&r, 1);
	CHECK(rate_due(&r) == 0);
	flood(&r, T0, 3, &more);
	CHECK(rate_due(&r) == T0 + RATE_MINUTE);
	CHECK(rate_over(&r, rate_due(&r)) == 2);
	CHECK(rate_due(&r) == 0);
	rate_destroy(&r);
}

TEST(at_the_end_the_rest_is_told_at_once)
{
	struct rate r;
	uint64_t more;

	rate_init(&r, 1);
	flood(&r, T0, 3, &more);
	CHECK(rate_held(&r));
	CHECK(rate_rest(&r) == 2);
	CHECK(!rate_held(&r));
	CHECK(rate_rest(&r) == 0);
	rate_destroy(&r);
}

static void *
hammer(void *arg)
{
	uint64_t more, passed = 0;

	for (int i = 0; i < 10000; i++)
		passed += rate_take(arg, T0, &more);
	return (void *)(uintptr_t)passed;
}

TEST(threads_together_have_one_limit)
{
	struct rate r;
	pthread_t t[4];
	uintptr_t passed = 0;
	void *one;

	rate_init(&r, 30);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, hammer, &r);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &one);
		passed += (uintptr_t)one;
	}
	CHECK(passed == 30);
	CHECK(rate_rest(&r) == 4 * 10000 - 30);
	rate_destroy(&r);
}

int
main(void)
{
	RUN(ten_thousand_lines_in_a_minute_are_as_many_as_the_limit);
	RUN(what_a_minute_held_back_is_told_once_by_the_next_line);
	RUN(the_end_of_a_flood_is_told_without_another_line);
	RUN(lines_that_come_slowly_all_pass);
	RUN(a_minute_is_due_from_its_first_line_to_its_end);
	RUN(at_the_end_the_rest_is_told_at_once);
	RUN(threads_together_have_one_limit);
	return DONE();
}
