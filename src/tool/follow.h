/*
 * follow: the lines that come to the file of events, also when it is rotated,
 * cut or made anew.  inotify is a hint; a look is also due now and then.
 */
#ifndef TOOL_FOLLOW_H
#define TOOL_FOLLOW_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct follow {
	const char *dir; /* borrowed */
	int fd;          /* -1: no file yet */
	off_t at;
	bool leaving;    /* another file has the name: one more look at this */
	int inotify;     /* -1: none */
	struct buf line; /* the beginning of one */
};

/* fd, which is follow's then (or -1), from the offset at on. */
void follow_begin(struct follow *f, const char *dir, int fd, off_t at);
void follow_end(struct follow *f);

/* What is there now, line by line, without newlines. */
void follow_read(struct follow *f,
    void (*line)(void *arg, const char *text, size_t len), void *arg);

/* Until it is worth reading again: false when nobody reads outfd any more. */
bool follow_wait(struct follow *f, int outfd);

#endif
