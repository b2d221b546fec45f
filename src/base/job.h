/*
 * job: a unit of work that another thread runs.  Whoever wants it done embeds
 * one, so that queues between threads need no memory of their own.
 */
#ifndef BASE_JOB_H
#define BASE_JOB_H

#include <stddef.h>

struct job {
	struct job *next; /* the queue's */
	void (*run)(struct job *job);
};

/* The struct of that type in which the job at ptr is the member. */
#define CONTAINER(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

#endif
