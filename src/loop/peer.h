/* peer: who is at the other end of a socket. */
#ifndef LOOP_PEER_H
#define LOOP_PEER_H

#include <sys/socket.h>

#include "export/allow.h"

void peer_from(struct peer *p, const struct sockaddr_storage *ss);

/*
 * What is counted as one client: an IPv6 client has a whole /64 to choose its
 * address from; all unix sockets are one.
 */
struct network_key {
	uint8_t bytes[16];
};
struct network_key peer_network(const struct peer *p);

/* Options of a TCP socket; keepalive is the key "keepalive", in seconds. */
void peer_tune(int fd, unsigned keepalive);
/* It has them already: the listening socket hands its own down. */
bool peer_is_tuned(int fd, unsigned keepalive);

#endif
