/* privilege: what the daemon does while it is root, and how it stops. */
#ifndef LOOP_PRIVILEGE_H
#define LOOP_PRIVILEGE_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/diag.h"
#include "loop/sock.h"
#include "spool/config.h"

struct identity {
	bool change; /* started as root, and not to stay so */
	uid_t uid;
	gid_t gid;
	char user[64];
};

/* Who the daemon is to become.  -1 with d: no such user, and what to do. */
int privilege_find(struct identity *id, const struct config *c,
    struct diag *d);

/* Become it, for good. */
int privilege_drop(const struct identity *id, struct diag *d);

/* As many descriptors as the system gives: each export holds one. */
void privilege_raise_descriptors(void);

/*
 * Who may connect to unix sockets: what the keys say, else the user and the
 * group that the daemon becomes.  -1 with d set: there is no such name.
 */
int privilege_sockets(struct sock_access *a, const struct config *c,
    const struct identity *id, struct diag *d);

#endif
