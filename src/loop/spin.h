/*
 * spin: whether a loop that has nothing to do looks at its sockets again or
 * sleeps.  Who sleeps has to be woken, and that costs more than a small
 * request; who looks on a CPU that others want waits for them.
 */
#ifndef LOOP_SPIN_H
#define LOOP_SPIN_H

#include <stdbool.h>
#include <stdint.h>

struct spin {
	uint64_t time;  /* ns of looking before it sleeps; 0: none */
	uint64_t until; /* looks until then, CLOCK_MONOTONIC in ns */
	uint64_t calm;  /* others want the CPU: does not look before then */
	uint64_t rest;  /* ns, how long that was; 0: nobody did */
};

/*
 * Once per round of the loop; worked: something was done in it; now is
 * CLOCK_MONOTONIC's.  True: look again, others have been offered the CPU
 * meanwhile.  False: sleep.
 */
bool spin_on(struct spin *s, bool worked, uint64_t now);

/* Its parts, for tests: whether to look at this moment; and afterwards, when
 * others have had the CPU for so many ns. */
bool spin_looks(struct spin *s, bool worked, uint64_t now);
void spin_offered(struct spin *s, uint64_t now, uint64_t took);

#endif
