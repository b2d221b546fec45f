/* table: rows of text in aligned columns, for people. */
#ifndef TOOL_TABLE_H
#define TOOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"

#define TABLE_COLUMNS 16

struct column {
	const char *heading;
	bool right; /* numbers */
};

struct table_line;

struct table {
	const struct column *columns; /* borrowed */
	size_t ncolumns;
	size_t widths[TABLE_COLUMNS];
	struct buf text;          /* cells one after the other */
	struct table_line *lines; /* owned */
	size_t count, room;
	bool failed;              /* memory ran out: the table is not whole */
};

void table_init(struct table *t, const struct column *columns, size_t count);
void table_free(struct table *t);

/* A row; as many cells as there are columns, NULL is "". */
void table_row(struct table *t, const char *const *cells);

/* A line below the last row that belongs to it. */
void table_note(struct table *t, const char *text);

/* No line is longer than width columns; 0: no limit.  0 or -1: no memory. */
int table_print(const struct table *t, FILE *out, size_t width);

#endif
