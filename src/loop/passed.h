/*
 * passed: sockets that were opened for us and passed on, as systemd and
 * libnbd do: LISTEN_FDS of them from descriptor 3 up, LISTEN_PID says for
 * whom, LISTEN_FDNAMES has their names, ':' between (sd_listen_fds(3)).
 */
#ifndef LOOP_PASSED_H
#define LOOP_PASSED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/diag.h"

#define PASSED_MAX 1024

struct passed_socket {
	int fd; /* -1: it was taken */
	char name[256];
};

struct passed {
	size_t count;
	struct passed_socket *list;
};

/*
 * Take over what the environment tells of, before any other descriptor is
 * opened, and clean the environment.  None is no error.  0, or -1 with d set:
 * it tells of what is not there.
 */
int passed_take(struct passed *p, struct diag *d);
void passed_free(struct passed *p); /* closes what nobody has taken */

/*
 * Can it be listened on?  Then it is ready for accept4(2) without waiting.
 * 0, or -1 with d set.
 */
int passed_check(const struct passed_socket *s, struct diag *d);

/* Their names, ", " between. */
int passed_names(const struct passed *p, struct buf *b);

#endif
