/*
 * handshakes: a loop's connections that have not entered an export yet, the
 * oldest first.  When there are more than "max-handshakes", the slow make
 * room: so those who say nothing cannot keep the others out.
 */
#ifndef LOOP_HANDSHAKES_H
#define LOOP_HANDSHAKES_H

#include <stdbool.h>

/* Of their watchers, and those of listening sockets (see libev). */
#define HANDSHAKES_PRIORITY (-1)

struct conn;
struct loop;

void handshakes_add(struct conn *c);    /* it begins; others may end */
void handshakes_remove(struct conn *c); /* no longer in it; twice is allowed */

/*
 * In each round of a loop handshakes and new connections have a slice of time,
 * after all else: is there some left?  What is not done is ready again in the
 * next round.
 */
bool handshakes_have_time(struct loop *l);

#endif
