/* netbootpriv: what the files of netboot share. */
#ifndef SPOOL_NETBOOTPRIV_H
#define SPOOL_NETBOOTPRIV_H

#include <fcntl.h>
#include <stdbool.h>

#include "spool/netboot.h"

/* A directory, and no link to one; -1 with errno. */
int netboot_dir(int dirfd, const char *name);

/* Make one, or take the one that is there: 0, or -1 with errno. */
int netboot_make_dir(int dirfd, const char *path);

/* Whether the directory has all files, readable. */
bool netboot_whole(int dirfd);

/* DATA/artifacts, made where it is missing; -1 with d set. */
int netboot_make(const struct places *p, struct diag *d);

/* The name under which an export's new directory is made. */
void netboot_temporary(char name[NAME_SIZE + 8], const char *export);

/* A directory of ours, or the half of one: 0, also when there is none. */
int netboot_remove_dir(int artifactsfd, const char *name, struct diag *d);

/* Wait for our turn: a descriptor, or -1 with d set. */
int netboot_lock(int artifactsfd, const char *export, struct diag *d);
void netboot_unlock(int artifactsfd, const char *export, int lockfd);

#endif
