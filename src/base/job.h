/*
 * job: a unit of work that another thread runs.  Whoever wants it done embeds
 * one, so that queues between threads need no memory of their own.
 */
#ifndef BASE_JOB_H
#define BASE_JOB_H

struct job {
	struct job *next; /* the queue's */
	void (*run)(struct job *job);
};

#endif
