/* give: a bundle that somebody has, as what boots an export. */
#ifndef FETCH_GIVE_H
#define FETCH_GIVE_H

#include <signal.h>
#include <stdbool.h>

#include "fetch/stage.h"

struct give {
	const char *name, *file;
	bool check; /* say what would be done */
	bool quiet; /* print nothing when nothing is */
	const volatile sig_atomic_t *stop;
};

int give_run(struct tool *t, const struct give *g,
    const struct settings_fetch *s); /* an exit status */

#endif
