/* memory: allocations of the session that fail. */
#ifndef T_FUZZ_MEMORY_H
#define T_FUZZ_MEMORY_H

/* The first one from now on (1: the next; 0: none), then one of so many. */
void memory_fail(unsigned first, unsigned every);

#endif
