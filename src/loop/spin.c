/* spin: looks for a while after work, but not where others compute. */
#include <sched.h>

#include "base/clock.h"
#include "loop/spin.h"

/*
 * A client takes some 100 us to drop a reply of 1 MiB, one that computes keeps
 * the CPU until his slice ends, 2 ms or more.  Who sleeps is given the CPU at
 * once when there is work, who has yielded is not: beside a computing process
 * per CPU, 16x8x4k got 70k requests per second of loops that looked on, and
 * 257k of these.
 */
#define SPIN_SLICE (3 * CLOCK_MS / 2)
#define SPIN_REST_MIN (20 * CLOCK_MS)
#define SPIN_REST_MAX (320 * CLOCK_MS)

bool
spin_looks(struct spin *s, bool worked, uint64_t now)
{
	if (worked && now >= s->calm)
		s->until = now + s->time;
	return now < s->until;
}

/* The rest is the longer the more often in a row it was no use. */
void
spin_offered(struct spin *s, uint64_t now, uint64_t took)
{
	if (took < SPIN_SLICE) {
		s->rest = 0;
		return;
	}
	s->rest = s->rest == 0 ? SPIN_REST_MIN : 2 * s->rest;
	if (s->rest > SPIN_REST_MAX)
		s->rest = SPIN_REST_MAX;
	s->calm = now + took + s->rest;
	s->until = 0;
}

/*
 * Each round offers the CPU to whoever waits for it, most of all to a client
 * on the same machine: four of them that read 1 MiB at a time get 9 GiB/s and
 * not 4, even where looking is in vain: who runs need not be woken.  With one
 * request of 4 KiB in flight, looking makes 40k requests per second of 12k.
 * (Two CPUs in a virtual machine, 2026; t/bench.)
 */
bool
spin_on(struct spin *s, bool worked, uint64_t now)
{
	if (s->time == 0 || !spin_looks(s, worked, now))
		return false;
	sched_yield();
	spin_offered(s, now, clock_now(CLOCK_MONOTONIC) - now);
	return true;
}
