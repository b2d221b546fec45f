/*
 * turn: requests that change one export, or come with a password from one
 * address, do so one after the other, as if there were one server.  Tools need
 * not wait: who of them writes last wins.
 */
#ifndef HTTP_TURN_H
#define HTTP_TURN_H

#define TURN_MS 3000 /* a change takes half of that at most */

/*
 * Wait until it is the turn of this name; a descriptor that is closed when it is
 * over, or -1 where there is no place for that, or it takes too long.
 */
int turn_take(int dirfd, const char *name);

#endif
