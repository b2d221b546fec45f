/* member: what a name in an archive is to us. */
#ifndef FETCH_MEMBER_H
#define FETCH_MEMBER_H

#include "spool/netboot.h"

enum member {
	MEMBER_FILE,  /* one of the files of a bundle */
	MEMBER_OTHER, /* harmless, and not for us */
	MEMBER_BAD    /* nobody who means well writes that */
};

/*
 * Names of directories lead nowhere: "vmlinuz" and "./vmlinuz" are the file,
 * "a/vmlinuz" is another; an absolute name and ".." are bad wherever they
 * would end.
 */
enum member member_look(const char *name, enum netboot_file *file);

#endif
