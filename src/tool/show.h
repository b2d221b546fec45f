/* show: a listing as tables for people and as JSON for programs. */
#ifndef TOOL_SHOW_H
#define TOOL_SHOW_H

#include <stdio.h>

#include "tool/listing.h"

/*
 * Tables; no line is longer than width columns (0: no limit).  0, or -1 when
 * memory ran out.
 */
int show_exports(const struct listing *l, FILE *out, size_t width);
int show_long(const struct listing *l, FILE *out, size_t width);
int show_connections(const struct listing *l, FILE *out, size_t width);

/* One versioned object and a newline. */
void show_json(const struct listing *l, const struct tool *t, FILE *out);

#endif
