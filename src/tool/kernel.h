/*
 * kernel: what an entry's keys kernel and initrd name, published as
 * DATA/artifacts/NAME for machines that boot from the network.
 */
#ifndef TOOL_KERNEL_H
#define TOOL_KERNEL_H

#include <stdint.h>

#include "spool/record.h"
#include "tool/tool.h"

/* Whether they are there, readable, and within image-dirs: 0 or -1. */
int kernel_look(const struct tool *t, const struct record *r, struct diag *d);

/*
 * Publish them, with a manifest; without such keys, what was published of
 * them before goes.  The tool's data directory is settled.  generation may be
 * 0: not known.  0 or -1 with d set, and all is as it was.
 */
int kernel_publish(const struct tool *t, const char *name,
    const struct record *r, uint64_t generation, struct diag *d);

#endif
