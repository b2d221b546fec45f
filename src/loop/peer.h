/* peer: who is at the other end of a socket. */
#ifndef LOOP_PEER_H
#define LOOP_PEER_H

#include <sys/socket.h>

#include "export/allow.h"

void peer_from(struct peer *p, const struct sockaddr_storage *ss);

#endif
