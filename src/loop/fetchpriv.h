/* fetchpriv: what the files of fetches share: a job, its child, its state. */
#ifndef LOOP_FETCHPRIV_H
#define LOOP_FETCHPRIV_H

#include <sys/queue.h>
#include <sys/types.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop/fetches.h"
#include "spool/fetch.h"
#include "spool/record.h"

enum job_state {
	JOB_IDLE,    /* its image is there */
	JOB_QUEUED,  /* waits for its turn */
	JOB_RUNNING, /* a child is at it */
	JOB_PAUSED,  /* has failed; again when it is due */
	JOB_FAILED   /* has failed, and would again until the entry changes */
};

struct job_fetch {
	TAILQ_ENTRY(job_fetch) link; /* by name */
	char name[NAME_SIZE];
	struct stamp stamp;   /* the version of the entry that was seen */
	struct record record; /* of it */
	enum job_state state;
	bool gone;            /* not in the spool; ends with its child */
	bool again;           /* the child works for an older entry */
	unsigned tries;       /* that failed */
	unsigned vain;        /* that succeeded, and changed nothing */
	uint64_t turn;        /* QUEUED: the lowest is next */
	uint64_t enqueued;    /* s since the epoch */
	uint64_t due;         /* PAUSED: ms */
	pid_t pid;
	int pidfd;
};

struct fetches {
	struct server *server; /* borrowed */
	int epfd;
	bool swept;
	uint64_t turns;
	char images[PATH_MAX];
	TAILQ_HEAD(, job_fetch) jobs;
};

/* ms of a clock that only goes on; how many may run at a time. */
uint64_t fetches_now(void);
uint64_t fetches_most(const struct fetches *f);

void job_free(struct fetches *f, struct job_fetch *j);

/* Again after so many seconds; after more of them each time. */
void job_pause(struct job_fetch *j, uint64_t seconds);
void job_pause_longer(struct job_fetch *j);

/* Start nbdmux-fetch for the job: 0, or -1 with d set. */
int child_start(struct job_fetch *j, const struct server *s, struct diag *d);

/* Has it ended?  Then *status is as of waitpid(2). */
bool child_ended(struct job_fetch *j, int *status);

/* Ask it to end; wait for it, at last with force. */
void child_stop(const struct job_fetch *j);
void child_end(struct job_fetch *j);

/* What is told of a job: that it waits (and why for ever, or NULL), that it
 * has failed (why, unless the child has said so), that it is no more. */
void fetchtell_queued(const struct fetches *f, const struct job_fetch *j,
    const char *why);
void fetchtell_failed(const struct fetches *f, const struct job_fetch *j,
    const char *why);
void fetchtell_gone(const struct fetches *f, const char *name);

#endif
