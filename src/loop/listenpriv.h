/* listenpriv: the struct that opening and accepting share. */
#ifndef LOOP_LISTENPRIV_H
#define LOOP_LISTENPRIV_H

#include <ev.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop/listen.h"

struct listener {
	int fd;
	ev_io io;
	char text[SOCK_TEXT]; /* as bound */
	char path[108]; /* of the file that it made; "": none */
	dev_t dev;
	ino_t ino;
};

struct listeners {
	struct listener *list;
	size_t count;
	struct ev_loop *ev;
	struct server *server;
	ev_timer timer;
	ev_async freed;
	unsigned keepalive; /* that the sockets were tuned to; 0: not yet */
	atomic_bool paused;
	bool short_said;  /* that descriptors are out; until they are not */
	bool closed;
};

/* Close the sockets and remove those of the file system. */
void listeners_close(struct listeners *l);

#endif
