/* clock: times as one number, in nanoseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND UINT64_C(1000000000)
#define CLOCK_MS     UINT64_C(1000000)

uint64_t clock_number(const struct timespec *ts);

/* Now: CLOCK_REALTIME's since the epoch, CLOCK_MONOTONIC's for intervals. */
uint64_t clock_now(clockid_t clock);

/* CLOCK_MONOTONIC's time that is ns from now, as who waits wants it. */
struct timespec clock_after(uint64_t ns);

#endif
