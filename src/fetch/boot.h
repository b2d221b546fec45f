/* boot: a bundle becomes what boots an export. */
#ifndef FETCH_BOOT_H
#define FETCH_BOOT_H

#include "fetch/bundle.h"
#include "spool/record.h"
#include "tool/tool.h"

struct boot {
	struct tool *tool; /* its spool is open */
	const char *name;
	int fd;            /* the bundle's file */
	struct netboot_mark mark;    /* of it; ref is set.  Borrowed strings,
	                              * sha256 is filled in */
	const struct record *record; /* the entry must still fetch the same;
	                              * NULL: somebody gives the bundle */
	const volatile sig_atomic_t *stop;
	struct bundle bundle; /* afterwards */
};

enum boot_result { BOOT_DONE, BOOT_SAME, BOOT_FAILED };

/* d is set when it has failed; then what was there is there. */
enum boot_result boot_publish(struct boot *b, struct diag *d);

/* What boot_publish() would do, as far as the bundle itself goes. */
enum boot_result boot_check(struct boot *b, struct diag *d);

/* As an event: error is NULL when it was done. */
void boot_tell(const struct boot *b, const char *error);

#endif
