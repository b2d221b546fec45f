/* clock: between numbers and the system's struct. */
#include "base/clock.h"

uint64_t
clock_number(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * CLOCK_SECOND + (uint64_t)ts->tv_nsec;
}

uint64_t
clock_now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return clock_number(&ts);
}

struct timespec
clock_after(uint64_t ns)
{
	uint64_t at = clock_now(CLOCK_MONOTONIC) + ns;

	return (struct timespec) { .tv_sec = (time_t)(at / CLOCK_SECOND),
		.tv_nsec = (long)(at % CLOCK_SECOND) };
}
