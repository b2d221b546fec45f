/* html: text in pages.  What is not markup of ours goes through here. */
#ifndef HTTP_HTML_H
#define HTTP_HTML_H

#include <stdio.h>

/* Escaped for an element's content and for a quoted attribute. */
void html_text(FILE *out, const char *text);

/* The same of one formatted text. */
void html_textf(FILE *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
