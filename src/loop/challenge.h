/*
 * challenge: is a client still there?  Asked of the holder of an exclusive
 * export when another client wants it: its kernel has to answer, by TCP's
 * keepalive probes, within seconds.  A process that is stopped is alive.
 */
#ifndef LOOP_CHALLENGE_H
#define LOOP_CHALLENGE_H

struct challenge;
struct conn;
struct server;

/*
 * Any loop's thread: challenge all clients of an export.  Who does not answer
 * is disconnected; that one has answered, the registry is told.
 */
void challenge_clients(struct server *s, const char *name);

void challenge_free(struct conn *c); /* that of a connection, if any */

#endif
