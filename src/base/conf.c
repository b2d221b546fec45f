/*
 * conf: the reader that stands between a file's text and inih.  It looks at
 * each raw line, refuses what inih would quietly take for something else, and
 * hands inih "name=0" while it keeps the value; inih's handler then gives that
 * value to the caller.
 */
#include "base/conf.h"

#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct span {
	const char *at;
	size_t len;
};

struct reader {
	struct span rest;    /* what has not been read yet */
	const char *file;    /* for messages */
	const char *section; /* the one that is allowed */
	unsigned line;       /* number of the present line */
	unsigned begun;      /* line of [section], 0: not yet */
	bool failed;
	conf_fn *fn;
	void *arg;
	struct diag *d;
	unsigned count;
	struct {
		struct span name; /* in the text */
		unsigned line;
	} seen[CONF_NAMES_MAX];
	char value[CONF_VALUE_MAX + 1]; /* of the present line */
};

static bool
blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

static bool
name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* Bytes of s as they may stand in a message. */
#define SHOWN 80
static const char *
show(char dst[SHOWN], struct span s)
{
	return text_escape(dst, SHOWN, s.at, s.len);
}

int
conf_value_check(const char *value, struct diag *d)
{
	size_t len = strlen(value), i;
	char shown[SHOWN];

	if (len > CONF_VALUE_MAX)
		return diag_set(d, "the value has %zu bytes; %d are the most "
		    "that fit on a line", len, CONF_VALUE_MAX);
	for (i = 0; i < len; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			return diag_set(d, "the value has a control character "
			    "(%s) in it; write it without",
			    show(shown, (struct span){ value + i, 1 }));
	if (len > 0 && (blank(value[0]) || blank(value[len - 1])))
		return diag_set(d, "the value has a blank at its %s, which "
		    "would be lost; write it without",
		    blank(value[0]) ? "beginning" : "end");
	return 0;
}

/* Take the next line off the text; false at its end. */
static bool
next_line(struct reader *r, struct span *line)
{
	const char *lf;

	if (r->rest.len == 0)
		return false;
	line->at = r->rest.at;
	lf = memchr(r->rest.at, '\n', r->rest.len);
	line->len = lf != NULL ? (size_t)(lf - line->at) : r->rest.len;
	r->rest.at += line->len + (lf != NULL);
	r->rest.len -= line->len + (lf != NULL);
	if (lf != NULL && line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	r->line++;
	return true;
}

/* Rules for every line, comments too.  A tab is a blank here. */
static int
check_bytes(const struct reader *r, struct span line)
{
	char shown[SHOWN];
	size_t i;

	if (line.len > CONF_LINE_MAX)
		return diag_set(r->d, "the line has %zu bytes; %d are the most "
		    "that are read", line.len, CONF_LINE_MAX);
	for (i = 0; i < line.len; i++) {
		if (line.at[i] == '\0')
			return diag_set(r->d, "there is a NUL byte in the "
			    "line; this is not a text file");
		if ((line.at[i] > 0 && line.at[i] < 0x20 &&
		    line.at[i] != '\t') || line.at[i] == 0x7f)
			return diag_set(r->d, "there is a control character "
			    "(%s) in the line; remove it", show(shown,
			    (struct span){ line.at + i, 1 }));
	}
	return 0;
}

static int
read_indented(const struct reader *r)
{
	if (r->count == 0)
		return diag_set(r->d, "the line is indented; begin it in the "
		    "first column");
	return diag_set(r->d, "the line is indented; a value cannot continue "
	    "on the next line, write it on one line");
}

static int
read_section(struct reader *r, struct span line, char *out, size_t size)
{
	const char *end = memchr(line.at, ']', line.len);
	struct span name, behind;
	char shown[SHOWN];

	if (end == NULL)
		return diag_set(r->d, "the \"]\" is missing; write [%s]",
		    r->section);
	name = (struct span){ line.at + 1, (size_t)(end - line.at) - 1 };
	behind = trim((struct span){ end + 1,
	    line.len - (size_t)(end - line.at) - 1 });
	if (behind.len > 0)
		return diag_set(r->d, "\"%s\" stands behind the \"]\"; write "
		    "it on a line of its own", show(shown, behind));
	if (name.len != strlen(r->section) ||
	    memcmp(name.at, r->section, name.len) != 0)
		return diag_set(r->d, "unknown section \"%s\"; only [%s] is "
		    "allowed", show(shown, name), r->section);
	if (r->begun != 0)
		return diag_set(r->d, "[%s] is begun twice (first on line %u); "
		    "keep one", r->section, r->begun);
	r->begun = r->line;
	snprintf(out, size, "[%s]\n", r->section);
	return 0;
}

static int
check_name(const struct reader *r, struct span name)
{
	char shown[SHOWN];
	size_t i;

	show(shown, name);
	if (name.len == 0)
		return diag_set(r->d, "there is no name before the \"=\"; "
		    "write name = value");
	if (name.len > CONF_NAME_MAX)
		return diag_set(r->d, "the name \"%s\" is too long; %d letters "
		    "are the most", shown, CONF_NAME_MAX);
	for (i = 0; i < name.len; i++)
		if (!name_char(name.at[i]))
			return diag_set(r->d, "\"%s\" cannot be a name; names "
			    "are made of a-z, 0-9 and \"-\"", shown);
	if (r->begun == 0)
		return diag_set(r->d, "\"%s\" stands before the section; put "
		    "the line [%s] first", shown, r->section);
	for (i = 0; i < r->count; i++)
		if (r->seen[i].name.len == name.len &&
		    memcmp(r->seen[i].name.at, name.at, name.len) == 0)
			return diag_set(r->d, "\"%s\" is set twice (first on "
			    "line %u); keep one", shown, r->seen[i].line);
	if (r->count == CONF_NAMES_MAX)
		return diag_set(r->d, "there are more than %d names in the "
		    "section", CONF_NAMES_MAX);
	return 0;
}

static int
read_setting(struct reader *r, struct span line, char *out, size_t size)
{
	const char *equals = memchr(line.at, '=', line.len);
	struct span name, value;
	char shown[SHOWN];

	if (equals == NULL)
		return diag_set(r->d, "there is no \"=\" in \"%s\"; write "
		    "name = value, or # before a comment", show(shown, line));
	name = trim((struct span){ line.at, (size_t)(equals - line.at) });
	value = trim((struct span){ equals + 1,
	    line.len - (size_t)(equals - line.at) - 1 });
	if (check_name(r, name) == -1)
		return -1;
	if (value.len > CONF_VALUE_MAX)
		return diag_set(r->d, "the value of \"%s\" has %zu bytes; %d "
		    "are the most", show(shown, name), value.len,
		    CONF_VALUE_MAX);
	memcpy(r->value, value.at, value.len);
	r->value[value.len] = '\0';
	if (conf_value_check(r->value, r->d) == -1)
		return -1;
	r->seen[r->count].name = name;
	r->seen[r->count++].line = r->line;
	snprintf(out, size, "%.*s=0\n", (int)name.len, name.at);
	return 0;
}

/* One raw line into a short one for inih. */
static int
read_line(struct reader *r, struct span line, char *out, size_t size)
{
	if (check_bytes(r, line) == -1)
		return -1;
	snprintf(out, size, "\n");
	if (trim(line).len == 0 || line.at[0] == ';' || line.at[0] == '#')
		return 0;
	if (blank(line.at[0]))
		return read_indented(r);
	if (line.at[0] == '[')
		return read_section(r, line, out, size);
	return read_setting(r, line, out, size);
}

static void
fail(struct reader *r)
{
	diag_prefix(r->d, "%s:%u", r->file, r->line > 0 ? r->line : 1);
	r->failed = true;
}

/* inih's fgets(): NULL ends its reading, so nothing follows an error. */
static char *
on_read(char *out, int size, void *arg)
{
	struct reader *r = arg;
	struct span line;

	if (r->failed || !next_line(r, &line))
		return NULL;
	if (read_line(r, line, out, (size_t)size) == -1) {
		fail(r);
		return NULL;
	}
	return out;
}

/* inih calls this before it reads on: r->value is still this line's. */
static int
on_name(void *arg, const char *section, const char *name, const char *token)
{
	struct reader *r = arg;

	(void)section;
	(void)token;
	if (r->fn(r->arg, name, r->value, r->line, r->d) == 0)
		return 1;
	fail(r);
	return 0;
}

int
conf_parse(const char *text, size_t len, const char *file,
    const char *section, conf_fn *fn, void *arg, struct diag *d)
{
	struct reader r;
	int result;

	if (len > CONF_FILE_MAX)
		return diag_set(d, "%s: the file has %zu bytes; %d are the "
		    "most that are read", file, len, CONF_FILE_MAX);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	memset(&r, 0, offsetof(struct reader, seen));
	r.rest = (struct span){ text, len };
	r.file = file;
	r.section = section;
	r.fn = fn;
	r.arg = arg;
	r.d = d;
	result = ini_parse_stream(on_read, &r, on_name, &r);
	if (!r.failed && result != 0) {
		diag_set(d, "the line is not understood; write name = value");
		fail(&r);
	} else if (!r.failed && r.begun == 0) {
		diag_set(d, "the section is missing; put the line [%s] before "
		    "the first setting", section);
		fail(&r);
	}
	return r.failed ? -1 : 0;
}
