/* piece: what the parts of a page are put together from. */
#ifndef HTTP_PIECE_H
#define HTTP_PIECE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PIECE_TEXT 32

/*
 * Where the script (etc/www/nbdmux.js) writes something it is an element with
 * data-f="FIELD".  What has no text is there, too, but hidden.
 */
void piece_span(FILE *out, const char *class, const char *field,
    const char *text);

/* A table's cell of one field; label is the column's, for narrow screens. */
void piece_cell(FILE *out, const char *class, const char *label,
    const char *field, const char *text);
/* The same, left open. */
void piece_cell_begin(FILE *out, const char *class, const char *label);

/*
 * A section with its heading, more markup behind that, and a table up to its
 * rows.  Roles are said again, for narrow screens lay tables out otherwise.
 * columns ends with NULL; one of numbers begins with '>'.
 */
void piece_table(FILE *out, const char *id, const char *title,
    const char *more, const char *const *columns);
/* Its end, and what is said when it has no rows. */
void piece_table_end(FILE *out, bool empty, const char *text);

void piece_alert(FILE *out, const char *class, const char *text);

/* An attribute: NAME="TEXT" with a blank before it. */
void piece_attribute(FILE *out, const char *name, const char *text);

/* "12M", "0"; "-" for a size of 0 or a negative rate, which is not known. */
const char *piece_size(char dst[PIECE_TEXT], uint64_t bytes);
const char *piece_bytes(char dst[PIECE_TEXT], uint64_t bytes);
const char *piece_rate(char dst[PIECE_TEXT], double rate);
const char *piece_number(char dst[PIECE_TEXT], uint64_t n);

#endif
