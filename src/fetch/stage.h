/* stage: nbdmux-fetch gets ready: its directories, its user, its settings. */
#ifndef FETCH_STAGE_H
#define FETCH_STAGE_H

#include <stdbool.h>

#include "tool/tool.h"

/*
 * The data directory is there, and we are who owns it; the spool is open.  So
 * are the directories of a download, if there is to be one (images).  0, or
 * -1 with d set.
 */
int stage_prepare(struct tool *t, bool images, struct diag *d);

struct settings_fetch {
	char *cache;      /* in front of all sources; NULL: none */
	char *from;       /* "fetch-from", or NULL */
	char *image_dirs; /* or NULL */
};

/* The configuration's, and the environment's: 0, or -1 with d set. */
int stage_settings(const struct tool *t, struct settings_fetch *s,
    struct diag *d);
void stage_clear(struct settings_fetch *s);

#endif
