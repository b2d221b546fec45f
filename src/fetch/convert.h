/* convert: disk images of other formats, through qemu-img. */
#ifndef FETCH_CONVERT_H
#define FETCH_CONVERT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

enum convert_result { CONVERT_DONE, CONVERT_REFUSED, CONVERT_FAILED,
	CONVERT_FULL, CONVERT_STOPPED };

struct convert {
	const char *from, *to; /* absolute paths */
	const char *driver;    /* qemu-img's name of the format */
	const volatile sig_atomic_t *stop;
	void (*tick)(void *arg); /* several times a second */
	void *arg;
};

/*
 * Only what is wholly in the file: an image that names other files, which it
 * may be made to do to have ours served, is refused.  d is set unless done.
 */
enum convert_result convert_run(const struct convert *c, struct diag *d);

#endif
