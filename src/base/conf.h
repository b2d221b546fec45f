/*
 * conf: strict INI on top of inih.  inih finds sections, names and comments;
 * the values never pass through its line buffer, since that cuts long lines,
 * takes " ;" for a comment and joins indented lines.  What is read is exactly
 * what stands after the first '=' without the blanks around it.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stddef.h>

#include "base/diag.h"

#define CONF_FILE_MAX (1024 * 1024) /* bytes in one file */
#define CONF_LINE_MAX 8192          /* bytes in one line */
#define CONF_VALUE_MAX 8000         /* bytes in one value */
#define CONF_NAME_MAX 48            /* letters in one name; inih's cap is 49 */
#define CONF_NAMES_MAX 256          /* names in one file */

/*
 * One "name = value" of the section.  line counts from 1.  Return 0, or -1
 * with d set (without file and line: the reader puts them before it).
 */
typedef int conf_fn(void *arg, const char *name, const char *value,
    unsigned line, struct diag *d);

/*
 * Read text of len bytes.  file is used in messages only.  Only the section
 * named is allowed, exactly once; other sections, repeated names, names
 * before the section, indented lines, a line without '=', control characters
 * and a NUL are errors "FILE:LINE: what is wrong; what would be right".
 * Comments are lines that begin with ';' or '#'.  A UTF-8 byte order mark at
 * the start and CR before LF are accepted.  A missing section is an error.
 * The first error ends the reading: 0, or -1 with d set.
 */
int conf_parse(const char *text, size_t len, const char *file,
    const char *section, conf_fn *fn, void *arg, struct diag *d);

/*
 * Whether the value would be read back exactly as it is: no control
 * characters, no blanks at either end, not too long.  0, or -1 with d set.
 */
int conf_value_check(const char *value, struct diag *d);

#endif
