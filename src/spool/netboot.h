/*
 * netboot: DATA/artifacts/NAME, the files that boot an export: vmlinuz, initrd
 * and manifest.json.  They are replaced together, by the exchange of a
 * directory that is complete and on the disk.  A mark in it says that we made
 * it and of what; what has no mark is an operator's own and stays.
 */
#ifndef SPOOL_NETBOOT_H
#define SPOOL_NETBOOT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "spool/name.h"
#include "spool/netbootmark.h"
#include "spool/places.h"

enum netboot_file { NETBOOT_KERNEL, NETBOOT_INITRD, NETBOOT_MANIFEST };
#define NETBOOT_FILES 3
extern const char *const netboot_names[NETBOOT_FILES];

#define NETBOOT_MOST (UINT64_C(4) << 30) /* bytes of a kernel, of an initrd */

/* DATA/artifacts, or -1 with errno. */
int netboot_open(const struct places *p);

/* Whether all of them are there, and what bundle they are of: true and ref
 * (cut to size), or false.  artifactsfd is DATA/artifacts, or -1. */
bool netboot_ready(int artifactsfd, const char *name);
bool netboot_ref(int artifactsfd, const char *name, char *ref, size_t size);

/* Whose they are; m is the mark of ours, to be cleared in any case. */
enum netboot_owner { NETBOOT_NOBODY, NETBOOT_OURS, NETBOOT_OPERATOR };
enum netboot_owner netboot_owner(int artifactsfd, const char *name,
    struct netboot_mark *m);

/* A replacement that is being made. */
struct netboot {
	char name[NAME_SIZE];
	char temporary[NAME_SIZE + 8];
	int artifactsfd;
	int lockfd; /* one at a time for an export */
	int dirfd;  /* the new directory */
};

/*
 * Begin: 0, or -1 with d set (n need not be ended then).  Waits for whoever
 * else is at it.  What a dead one has left is removed.
 */
int netboot_begin(struct netboot *n, const struct places *p, const char *name,
    struct diag *d);

/* An empty file for writing in the new directory, or -1 with d set. */
int netboot_create(struct netboot *n, enum netboot_file file, struct diag *d);

/* It is complete: to the disk with it.  Closes fd; 0, or -1 with d set. */
int netboot_close(struct netboot *n, enum netboot_file file, int fd,
    struct diag *d);

/* All three are there: in place with them, and the mark's text.  0, or -1. */
int netboot_commit(struct netboot *n, const char *mark, struct diag *d);

/* In any case the last; without a commit nothing has happened. */
void netboot_end(struct netboot *n);

/* What we made of the entry's keys, of a bundle that a catalog has, or of one
 * that somebody has given. */
enum netboot_which {
	NETBOOT_OF_KEYS,
	NETBOOT_NOT_GIVEN, /* the first two */
	NETBOOT_ALL
};

/*
 * Remove what we made for an export, if it is such.  1 removed, 0 there was
 * none, -1 with d set.
 */
int netboot_remove(const struct places *p, const char *name,
    enum netboot_which which, struct diag *d);

#endif
