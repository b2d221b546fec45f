/*
 * unpack: the thread that reads the download while it arrives: its sums are
 * taken, and what is compressed is decompressed into .NAME.img.
 */
#ifndef FETCH_UNPACK_H
#define FETCH_UNPACK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/diag.h"
#include "fetch/digest.h"
#include "fetch/head.h"
#include "fetch/part.h"

struct unpack {
	struct part *part;  /* borrowed */
	const char *name;   /* of the export; borrowed */
	unsigned content;   /* enum record_content */
	bool wide;          /* SHA-512, too */
	_Atomic uint64_t seen; /* bytes of the download that are dealt with */
	atomic_bool filtering; /* it is decompressing */
	atomic_bool over;      /* the thread has ended */

	/* When it has ended well: */
	enum head_kind kind;   /* of the download */
	bool filtered;         /* the image is in .NAME.img, not in the part */
	const char *driver;    /* qemu-img's, of what there is now; or NULL */
	uint64_t size;         /* of what there is now */
	char sha256[DIGEST_SIZE], sha512[DIGEST_SIZE];

	/* When not: */
	struct diag error;
	bool full;             /* it is the disk's fault */

	int outfd;
	char file[WORK_FILE_SIZE];
	pthread_t thread;
};

/* Fields above "seen" are set.  -1 with d set. */
int unpack_start(struct unpack *u, struct diag *d);

/* Wait for the end: 0, or -1 with error set, unless the part was aborted. */
int unpack_join(struct unpack *u);

#endif
