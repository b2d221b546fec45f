/*
 * signals: while held, signals that would end a program wait, so that what it
 * is doing to the spool or the terminal is finished first.
 */
#ifndef TOOL_SIGNALS_H
#define TOOL_SIGNALS_H

#include <signal.h>

struct signals {
	int fd;       /* readable when a signal waits; -1: none can be seen */
	int caught;   /* the signal that was taken, or 0 */
	sigset_t old; /* mask to go back to */
};

/* Hold INT, TERM, HUP, QUIT and those in more (ended by 0; may be NULL). */
void signals_hold(struct signals *s, const int *more);

/* The number of a signal that waits, or 0. */
int signals_take(struct signals *s);

/*
 * Let them through again.  The one that was caught is delivered now, so the
 * program ends as whoever sent it expects.
 */
void signals_release(struct signals *s);

#endif
