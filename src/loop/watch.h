/*
 * watch: inotify on the spool directory.  Events are only hints; what counts
 * is how long to wait for more of them before the directory is read.
 */
#ifndef LOOP_WATCH_H
#define LOOP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch {
	int fd; /* inotify, -1: the rescan timer alone must do */
	int wd;
	uint64_t dev, ino; /* the directory that is watched */
	bool failing;      /* said so already */
};

enum hint {
	HINT_NONE,  /* nothing that counts */
	HINT_NOW,   /* a file is complete: read soon */
	HINT_SOON   /* something began that more will follow */
};

void watch_open(struct watch *w);
void watch_close(struct watch *w);

/* Watch the directory behind this descriptor, if it is not watched yet. */
void watch_directory(struct watch *w, int dirfd, const char *path);

/* Read all events that are there. */
enum hint watch_read(struct watch *w);

#endif
