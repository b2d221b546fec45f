/*
 * fetch: how far the fetching of an export's image has come:
 * STATE/fetch/NAME.ini, written by the daemon while it waits and then by
 * nbdmux-fetch; and the lock of who does it, DATA/images/.NAME.lock.
 */
#ifndef SPOOL_FETCH_H
#define SPOOL_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/file.h"
#include "base/keys.h"
#include "spool/name.h"

#define FETCH_FORMAT 1
#define STATE_FETCH "fetch" /* the directory in the state directory */

struct fetch {
	uint64_t format;
	unsigned status; /* enum status: queued, fetching, decompressing,
	                  * failed; ready when it is done */
	char *error;     /* why it failed */
	char *source;
	bool refresh;    /* what is served is good, too */
	uint64_t bytes_total; /* 0: not known */
	uint64_t bytes_done;
	uint64_t bytes_rate; /* bytes/s lately, 0: not known */
	uint64_t enqueued, started, updated, completed; /* s since epoch */
	uint64_t retry;  /* failed: when it is tried again; 0: not */
	uint64_t pid;    /* of nbdmux-fetch, while it works */
	uint64_t spool_ino, spool_mtime; /* the version of NAME.ini */
};

extern const struct key fetch_keys[];

/* 1 read, 0 there is none, -1 with d set.  Clear f in any case. */
int fetch_read(int fetchfd, const char *name, struct fetch *f, struct diag *d);
int fetch_write(int fetchfd, const char *name, const struct fetch *f,
    struct diag *d);
void fetch_clear(struct fetch *f);
int fetch_remove(int fetchfd, const char *name);

/* The directory; make: where it is not there.  -1 with errno and d set. */
int fetch_open(int statefd, bool make, struct diag *d);

/* Is it about this version of the entry? */
bool fetch_answers(const struct fetch *f, const struct stamp *s);

/* Queued, or at work: not done and not failed. */
bool fetch_pending(const struct fetch *f);

/* Percent, or negative when it is not known. */
double fetch_percent(const struct fetch *f);

/*
 * The lock, for the life of the descriptor.  -1 with d set; errno is EAGAIN
 * when somebody has it.  fetch_unlock() removes the file as well.
 */
int fetch_lock(int imagesfd, const char *name, struct diag *d);
void fetch_unlock(int imagesfd, const char *name, int fd);
bool fetch_locked(int imagesfd, const char *name);

#endif
