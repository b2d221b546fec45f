/* source: the image that is to be exported, looked at before it is named. */
#ifndef TOOL_SOURCE_H
#define TOOL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/*
 * An absolute path for what stands on the command line: the working directory
 * goes before it, links stay.  Values that are not paths ("memory:1G") stay
 * as they are.  To be freed; NULL with d set.
 */
char *source_absolute(const char *image, struct diag *d);

/*
 * Whether it can be served: exists, readable, a regular file or a block
 * device, not empty, and (unless raw) not in a format that a client would
 * take for a damaged disk.  0, or -1 with d set: what is wrong and the command
 * that would help.
 */
int source_look(const char *path, bool raw, struct diag *d);

/* The format that the first bytes look like ("qcow2"), or NULL. */
const char *source_format(const void *head, size_t len);

/*
 * Whether a file is in one of the directories of the list, wherever links
 * lead (NULL: anywhere).  Said for whoever asks, who hears it early; for
 * images it is the daemon, which may see more, that enforces it.
 */
bool source_within(const char *list, const char *path);

#define SOURCE_HEAD 128 /* bytes that source_format() wants */

#endif
