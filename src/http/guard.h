/*
 * guard: failed logins of one address slow down.  A file per address in
 * DATA/http: a byte for each failure, and the time of the last one.
 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "base/diag.h"

#define GUARD_FREE 3       /* failures that cost nothing */
#define GUARD_MOST 300     /* s */
#define GUARD_FORGET 3600  /* s after the last one nothing is known */
#define GUARD_NAME_SIZE 80

struct guard {
	int dirfd; /* borrowed */
	int fd;    /* -1: this address has not failed */
	char name[GUARD_NAME_SIZE];
};

/*
 * An attempt from this address begins; no other one of it is made meanwhile.
 * How many seconds it has to wait until it may; 0: now.  -1 with d set when
 * that cannot be known.  To be ended in any case.
 */
int guard_begin(struct guard *g, int dirfd, const char *address,
    struct diag *d);
void guard_end(struct guard *g);

/* It failed; it did not.  -1 with d set when that cannot be kept. */
int guard_fail(struct guard *g, struct diag *d);
void guard_pass(struct guard *g);

/* Seconds to wait after so many failures. */
unsigned guard_delay(unsigned long long failures);

/* The file's name: an IPv6 address stands for its /64. */
void guard_name(char dst[GUARD_NAME_SIZE], const char *address);

#endif
