/*
 * rate: so many lines a minute, then one that says how many more there were,
 * so that those who cause lines cannot fill a disk.  Times are
 * CLOCK_MONOTONIC's in nanoseconds, given by the caller.  Safe from any thread.
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define RATE_MINUTE (60 * CLOCK_SECOND)

struct rate {
	pthread_mutex_t lock;
	unsigned limit;   /* lines in a minute */
	unsigned passed;  /* in this one */
	uint64_t more;    /* held back in this one */
	uint64_t since;   /* when it began: with its first line; 0: not yet */
};

void rate_init(struct rate *r, unsigned limit);
void rate_destroy(struct rate *r);

/*
 * May a line be logged now?  When not, it is counted.  *more is what the
 * minute before held back and nobody has told yet: to be told first.
 */
bool rate_take(struct rate *r, uint64_t now, uint64_t *more);

/*
 * What a minute that is over held back, once; 0: nothing, or it is not over.
 * Called now and then, so that a flood's end is told although no line follows.
 */
uint64_t rate_over(struct rate *r, uint64_t now);

/* The same, over or not: the program ends. */
uint64_t rate_rest(struct rate *r);

/* When its minute is over; 0: none has begun. */
uint64_t rate_due(struct rate *r);

/* Whether lines are held back that nobody has told yet. */
bool rate_held(struct rate *r);

#endif
