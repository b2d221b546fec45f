/*
 * cell: text for a terminal: what cannot be printed is escaped, and how many
 * columns the rest takes is known, whatever the locale.
 */
#ifndef TOOL_CELL_H
#define TOOL_CELL_H

#include <stddef.h>

/*
 * Copy UTF-8 text; control characters and bytes that are not UTF-8 become
 * \n, \t or \xHH.  At most size - 1 bytes and a NUL; whole characters.
 * Returns the columns that dst takes.
 */
size_t cell_escape(char *dst, size_t size, const char *src);

/* How many bytes of escaped text fit into so many columns. */
size_t cell_clip(const char *text, size_t columns);

/* For people: "0s", "59s", "4m08s", "3h12m", "5d03h". */
char *cell_age(char *dst, size_t size, double seconds);

#endif
