/*
 * handshakes: a loop's connections that have not entered an export yet, the
 * oldest first.  When there are more than "max-handshakes", the slow make
 * room: so those who say nothing cannot keep the others out.
 */
#ifndef LOOP_HANDSHAKES_H
#define LOOP_HANDSHAKES_H

struct conn;

void handshakes_add(struct conn *c);    /* it begins; others may end */
void handshakes_remove(struct conn *c); /* no longer in it; twice is allowed */

#endif
