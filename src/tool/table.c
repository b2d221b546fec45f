/* table: measures while rows are added, pads when they are printed. */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "tool/cell.h"
#include "tool/table.h"

#define CELL_MAX 8192
#define NOTE_INDENT 4

struct cell {
	size_t at;    /* in text */
	size_t width; /* columns */
};

struct table_line {
	bool note; /* only the first cell is there */
	struct cell cells[TABLE_COLUMNS];
};

/* --- filling -------------------------------------------------------------- */

static struct cell
put(struct table *t, const char *text)
{
	char escaped[CELL_MAX];
	struct cell c = { .at = t->text.len };

	c.width = cell_escape(escaped, sizeof(escaped),
	    text != NULL ? text : "");
	if (buf_add(&t->text, escaped, strlen(escaped) + 1) != 0)
		t->failed = true;
	return c;
}

static struct table_line *
line(struct table *t)
{
	void *more = array_more(t->lines, t->count, &t->room,
	    sizeof(*t->lines));

	if (more == NULL) {
		t->failed = true;
		return NULL;
	}
	t->lines = more;
	memset(&t->lines[t->count], 0, sizeof(*t->lines));
	return &t->lines[t->count++];
}

void
table_row(struct table *t, const char *const *cells)
{
	struct table_line *l = line(t);

	for (size_t i = 0; l != NULL && i < t->ncolumns; i++) {
		l->cells[i] = put(t, cells[i]);
		if (l->cells[i].width > t->widths[i])
			t->widths[i] = l->cells[i].width;
	}
}

void
table_note(struct table *t, const char *text)
{
	struct table_line *l = line(t);

	if (l == NULL)
		return;
	l->note = true;
	l->cells[0] = put(t, text);
}

void
table_init(struct table *t, const struct column *columns, size_t count)
{
	const char *headings[TABLE_COLUMNS] = { 0 };

	*t = (struct table) { .columns = columns, .ncolumns = count };
	buf_init(&t->text, (size_t)1 << 30);
	for (size_t i = 0; i < count; i++)
		headings[i] = columns[i].heading;
	table_row(t, headings);
}

void
table_free(struct table *t)
{
	buf_free(&t->text);
	free(t->lines);
	t->lines = NULL;
}

/* --- printing ------------------------------------------------------------- */

static int
pad(struct buf *b, size_t columns)
{
	return columns > 0 ? buf_addf(b, "%*s", (int)columns, "") : 0;
}

static int
format_row(const struct table *t, const struct table_line *l, struct buf *b)
{
	int bad = 0;

	for (size_t i = 0; i < t->ncolumns; i++) {
		const char *text = t->text.data + l->cells[i].at;
		size_t gap = t->widths[i] - l->cells[i].width;

		bad |= t->columns[i].right ? pad(b, gap) : 0;
		bad |= buf_add(b, text, strlen(text));
		/* Nothing follows the last column: no blanks at line ends. */
		if (i + 1 < t->ncolumns)
			bad |= pad(b, 2 + (t->columns[i].right ? 0 : gap));
	}
	while (b->len > 0 && b->data[b->len - 1] == ' ')
		b->data[--b->len] = '\0';
	return bad;
}

static int
format_line(const struct table *t, const struct table_line *l, struct buf *b)
{
	buf_reset(b);
	if (!l->note)
		return format_row(t, l, b);
	return buf_addf(b, "%*s%s", NOTE_INDENT, "",
	    t->text.data + l->cells[0].at);
}

int
table_print(const struct table *t, FILE *out, size_t width)
{
	struct buf b;
	int bad = t->failed ? -1 : 0;

	if (t->count == 1) /* headings of nothing */
		return bad;
	buf_init(&b, CELL_MAX * (TABLE_COLUMNS + 1));
	for (size_t i = 0; i < t->count && bad == 0; i++) {
		if ((bad = format_line(t, &t->lines[i], &b)) != 0)
			break;
		fwrite(b.data, 1, width > 0 ? cell_clip(b.data, width) : b.len,
		    out);
		fputc('\n', out);
	}
	buf_free(&b);
	return bad;
}
