/*
 * metrics: a listing in the text format of Prometheus (version 0.0.4), for a
 * web server's /metrics and for node_exporter's textfile collector.
 */
#ifndef TOOL_METRICS_H
#define TOOL_METRICS_H

#include <stdio.h>

#include "tool/listing.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/*
 * Of exports those that are not hidden.  Where the daemon is not counting there
 * are no counters: a scraper then sees a gap, and no reset.
 */
void metrics_print(const struct listing *l, FILE *out);

#endif
