/*
 * connlog: the lines about a connection in the log, the same whoever runs it:
 * one when it enters an export, one when it ends.
 */
#ifndef LOOP_CONNLOG_H
#define LOOP_CONNLOG_H

#include "base/log.h"
#include "export/registry.h"

void connlog_begin(const struct peer *p, const struct generation *g,
    enum log_level level);

/* g is NULL when no export was entered, n when nothing was counted. */
void connlog_end(const struct peer *p, const struct generation *g,
    const struct stats_counters *n, enum log_level level, const char *reason);

#endif
