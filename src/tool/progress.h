/*
 * progress: how far a fetch has come, for people: one line that is drawn
 * again and again on a terminal, else a line every ten seconds.
 */
#ifndef TOOL_PROGRESS_H
#define TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "spool/fetch.h"

#define PROGRESS_SAMPLES 8

struct progress {
	FILE *out;  /* NULL: nothing is shown */
	bool terminal;
	bool drawn; /* a line without an end stands there */
	double next; /* CLOCK_MONOTONIC in s: not again before */
	unsigned status; /* that was shown last */
	double rate;     /* bytes/s over the last seconds; 0: not known yet */
	unsigned count;  /* samples taken, the last ones kept: */
	struct { double at; uint64_t done; } samples[PROGRESS_SAMPLES];
};

void progress_begin(struct progress *p, FILE *out);
/* Takes the rate even where nothing is shown. */
void progress_show(struct progress *p, const char *name, const struct fetch *f);
void progress_end(struct progress *p); /* before anything else is printed */

/* "45%, 1.2G of 2.7G, 85M/s, 17s left", as far as it is known; or "". */
void progress_far(char *dst, size_t size, const struct fetch *f, double rate);

/* "disk: fetching 45%, 1.2G of 2.7G, 85M/s, 17s left"; rate 0: not known. */
void progress_text(char *dst, size_t size, const char *name,
    const struct fetch *f, double rate);

#endif
