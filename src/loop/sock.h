/* sock: a stream socket that listens: made, looked at, named. */
#ifndef LOOP_SOCK_H
#define LOOP_SOCK_H

#include <sys/types.h>

#include "base/diag.h"
#include "spool/config.h"

#define SOCK_TEXT 160 /* bytes of the longest address as text */

/* Who may connect to the unix sockets that we make. */
struct sock_access {
	mode_t mode;
	uid_t uid; /* (uid_t)-1: whoever makes it, and likewise */
	gid_t gid;
};

/*
 * Bind and listen; not for LISTEN_SYSTEMD.  A unix socket gets its mode and
 * owner before anybody can connect, and replaces one that nobody answers on.
 * The descriptor, or -1 with errno and d set.
 */
int sock_open(const struct listen_addr *a, const struct sock_access *access,
    struct diag *d);

/* The address as bound, in the form of "listen"; "systemd" of one that was
 * passed and cannot be written there. */
void sock_text(int fd, char text[SOCK_TEXT]);

/* An integer of SOL_SOCKET; -1: fd is no socket. */
int sock_option(int fd, int name);

#endif
