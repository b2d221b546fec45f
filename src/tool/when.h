/* when: points in time as people write them. */
#ifndef TOOL_WHEN_H
#define TOOL_WHEN_H

#include <stdint.h>

#include "base/diag.h"

/*
 * "2026-11-22", "2026-11-22T03:04:05[.678][Z]" in UTC, or "30s", "10m", "2h",
 * "3d" before now; all in ns since the epoch.  -1 with d set.
 */
int when_parse(const char *text, uint64_t now, uint64_t *ns, struct diag *d);

#endif
