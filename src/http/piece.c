/* piece: cells, tables, numbers. */
#include "base/size.h"
#include "http/html.h"
#include "http/piece.h"

void
piece_attribute(FILE *out, const char *name, const char *text)
{
	fprintf(out, " %s=\"", name);
	html_text(out, text);
	fputc('"', out);
}

void
piece_span(FILE *out, const char *class, const char *field, const char *text)
{
	bool none = text == NULL || text[0] == '\0';

	fprintf(out, "<span class=\"%s\" data-f=\"%s\"%s>", class, field,
	    none ? " hidden" : "");
	if (!none)
		html_text(out, text);
	fputs("</span>", out);
}

void
piece_cell_begin(FILE *out, const char *class, const char *label)
{
	fprintf(out, "<td role=\"cell\" class=\"%s\" data-label=\"%s\">", class,
	    label);
}

void
piece_cell(FILE *out, const char *class, const char *label, const char *field,
    const char *text)
{
	fprintf(out, "<td role=\"cell\" class=\"%s\" data-label=\"%s\" "
	    "data-f=\"%s\">", class, label, field);
	html_text(out, text != NULL ? text : "");
	fputs("</td>", out);
}

void
piece_table(FILE *out, const char *id, const char *title, const char *more,
    const char *const *columns)
{
	fprintf(out, "<section id=\"%s\" aria-labelledby=\"%s-title\">\n"
	    "<h2 id=\"%s-title\" tabindex=\"-1\">%s</h2>\n%s"
	    "<table role=\"table\" aria-labelledby=\"%s-title\">\n"
	    "<thead role=\"rowgroup\"><tr role=\"row\">", id, id, id, title,
	    more, id);
	for (; *columns != NULL; columns++)
		fprintf(out, "<th role=\"columnheader\" scope=\"col\"%s>%s"
		    "</th>", **columns == '>' ? " class=\"number\"" : "",
		    *columns + (**columns == '>'));
	fputs("</tr></thead>\n<tbody role=\"rowgroup\">\n", out);
}

void
piece_table_end(FILE *out, bool empty, const char *text)
{
	fprintf(out, "</tbody></table>\n<p class=\"empty\"%s>%s</p>\n"
	    "</section>\n", empty ? "" : " hidden", text);
}

void
piece_alert(FILE *out, const char *class, const char *text)
{
	fprintf(out, "<p role=\"alert\" class=\"%s\">", class);
	html_text(out, text);
	fputs("</p>\n", out);
}

const char *
piece_bytes(char dst[PIECE_TEXT], uint64_t bytes)
{
	return size_human(dst, PIECE_TEXT, bytes);
}

const char *
piece_size(char dst[PIECE_TEXT], uint64_t bytes)
{
	return bytes != 0 ? piece_bytes(dst, bytes) : "-";
}

const char *
piece_rate(char dst[PIECE_TEXT], double rate)
{
	return rate < 0 ? "-" : piece_bytes(dst, (uint64_t)(rate + 0.5));
}

const char *
piece_number(char dst[PIECE_TEXT], uint64_t n)
{
	snprintf(dst, PIECE_TEXT, "%llu", (unsigned long long)n);
	return dst;
}
