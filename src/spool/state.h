/*
 * state: what the daemon says about an export (exports/NAME.ini) and about
 * itself (daemon.ini), text <-> struct <-> file.
 */
#ifndef SPOOL_STATE_H
#define SPOOL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/file.h"
#include "base/keys.h"
#include "spool/name.h"

#define STATE_FORMAT 1 /* version, the key "format" of both files */

enum status {
	STATUS_READY,
	STATUS_FAILED,
	STATUS_DRAINING,
	STATUS_QUEUED,
	STATUS_FETCHING,
	STATUS_DECOMPRESSING
};
extern const char *const status_names[];

struct state_export {
	uint64_t format;
	unsigned status;
	char *error;         /* why it failed, or why the newest text is not
	                      * what is served; NULL when all is well */
	bool builtin;        /* not from the spool */
	char *image;
	char *description;
	unsigned mode;
	unsigned tls;        /* enum record_tls */
	uint64_t size;       /* bytes */
	uint64_t generation; /* number of the current one; 0: none */
	uint64_t spool_ino;  /* the version of NAME.ini that this answers: */
	uint64_t spool_mtime; /* inode and mtime in ns; 0: builtin, removed */
	uint64_t since;      /* when the generation was made, s since epoch */
};

struct state_daemon {
	uint64_t format;
	uint64_t pid;
	uint64_t started; /* s since epoch */
	char *version;
	char *spool;      /* absolute path */
	char *listen;     /* list of the addresses really bound: HOST:PORT,
	                   * [IPv6]:PORT, unix:PATH, vsock:PORT */
	unsigned tls;     /* enum config_tls */
	char *error;      /* the spool cannot be read, ...; NULL: all is well */
};

extern const struct key state_export_keys[], state_daemon_keys[];

/* Readers: 1 read, 0 there is none, -1 with d set.  Clear s afterwards. */
int state_read_export(int exportsfd, const char *name, struct state_export *s,
    struct diag *d);
int state_read_daemon(int statefd, struct state_daemon *s, struct diag *d);

/*
 * Writers: a file whose content would not change is not touched.  1 written,
 * 0 unchanged, -1 with d set.
 */
int state_write_export(int exportsfd, const char *name,
    const struct state_export *s, struct diag *d);
int state_write_daemon(int statefd, const struct state_daemon *s,
    struct diag *d);

void state_export_clear(struct state_export *s);
void state_daemon_clear(struct state_daemon *s);

/*
 * Names of all exports in the state, sorted; *names is one allocation to be
 * freed.  -1 with d set.
 */
int state_list(int exportsfd, char (**names)[NAME_SIZE], size_t *count,
    struct diag *d);

/*
 * The pid file.  state_lock() takes it for the life of the process and
 * returns its descriptor, or -1 with d set ("already running as pid N").
 * state_alive(): the pid of the daemon that holds it, or 0; asking takes no
 * lock, so it cannot get in a starting daemon's way.
 */
int state_lock(int statefd, struct diag *d);
int state_lock_pid(int lockfd, long pid);
long state_alive(int statefd);

/*
 * Two daemons on one spool would answer for each other's exports: lock the
 * directory for the life of its descriptor.  A file system without locks is
 * taken as it is.  -1 with d set when another daemon serves it.
 */
int state_lock_spool(int spoolfd, const char *path, struct diag *d);

#endif
