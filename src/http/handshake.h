/* handshake: a real NBD handshake with the daemon, to know that it serves. */
#ifndef HTTP_HANDSHAKE_H
#define HTTP_HANDSHAKE_H

#include "base/diag.h"

/*
 * With the first of a list of listen addresses (as daemon.ini has them) that
 * can be reached: greeting, flags, and an option that ends it.  Within ms
 * milliseconds in all.  0, or -1 with d set.
 */
int handshake_try(const char *listen, int ms, struct diag *d);

#endif
