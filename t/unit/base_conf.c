/* conf: what strict INI takes, what it refuses, and what it says then. */
#include "base/conf.h"

#include <stdbool.h>
#include <stdlib.h>

#include "unit.h"

/* Everything that was reported, as "line:name=value|". */
static char seen[65536];
static struct diag diag;

static int
collect(void *arg, const char *name, const char *value, unsigned line,
    struct diag *d)
{
	size_t len = strlen(seen);

	(void)arg;
	snprintf(seen + len, sizeof seen - len, "%u:%s=%s|", line, name, value);
	if (strcmp(name, "refuse") == 0)
		return diag_set(d, "\"%s\" is refused", name);
	return 0;
}

static int
parse_bytes(const char *text, size_t len)
{
	/* The exact size, so that a sanitizer sees a byte too many. */
	char *copy = malloc(len > 0 ? len : 1);
	int result;

	memcpy(copy, text, len);
	seen[0] = diag.text[0] = '\0';
	result = conf_parse(copy, len, "disk.ini", "export", collect, NULL,
	    &diag);
	CHECK((result == -1) == (diag.text[0] != '\0'));
	free(copy);
	return result;
}

#define PARSE(input) parse_bytes("" input, sizeof input - 1)
#define READS(input, want)                                                \
	do {                                                              \
		CHECK(PARSE(input) == 0);                                 \
		CHECK_STR(diag.text, "");                                 \
		CHECK_STR(seen, want);                                    \
	} while (0)
#define REFUSES(input, why)                                               \
	do {                                                              \
		CHECK(PARSE(input) == -1);                                \
		CHECK_STR(diag.text, "disk.ini:" why);                    \
	} while (0)

TEST(names_and_values_are_read_with_their_lines)
{
	READS("[export]\nimage = /a\nmode=rw\n", "2:image=/a|3:mode=rw|");
	READS("[export]", "");
	READS("\n\n[export]\n\nb-1 = 2", "5:b-1=2|");
	READS("[export]  \t\na=b\n", "2:a=b|");
}

TEST(a_value_is_what_stands_behind_the_first_equals_sign)
{
	READS("[export]\na=\n", "2:a=|");
	READS("[export]\na =\t b c \t\n", "2:a=b c|");
	READS("[export]\na==b=c\n", "2:a==b=c|");
	READS("[export]\na = /x ; y # z\n", "2:a=/x ; y # z|");
	READS("[export]\na = ;\n", "2:a=;|");
	READS("[export]\na = [x]\n", "2:a=[x]|");
	READS("[export]\na = \"q\" \\\n", "2:a=\"q\" \\|");
	READS("[export]\na = b: c\n", "2:a=b: c|");
	READS("[export]\na = \xff\xfe\xc3\xa9\n", "2:a=\xff\xfe\xc3\xa9|");
}

TEST(comments_and_blank_lines_count_as_lines_only)
{
	READS("; one\n# two\n\n \t\n[export]\n;a=1\n#\tb\na=2\n", "8:a=2|");
}

TEST(line_ends_and_a_byte_order_mark_are_accepted)
{
	READS("\xef\xbb\xbf[export]\r\na = b\r\n\r\n", "2:a=b|");
	REFUSES("[export]\na = b\rc\n",
	    "2: there is a control character (\\r) in the line; remove it");
	REFUSES("[export]\na = b\r\r\n",
	    "2: there is a control character (\\r) in the line; remove it");
	REFUSES("[export]\n\xef\xbb\xbf" "a = b\n", "2: \"\xef\xbb\xbf" "a\" "
	    "cannot be a name; names are made of a-z, 0-9 and \"-\"");
}

TEST(a_missing_section_is_named)
{
	REFUSES("", "1: the section is missing; put the line [export] before "
	    "the first setting");
	REFUSES("# only\n\n", "2: the section is missing; put the line "
	    "[export] before the first setting");
	REFUSES("image = x\n[export]\n", "1: \"image\" stands before the "
	    "section; put the line [export] first");
}

TEST(other_sections_are_refused)
{
	REFUSES("[exprot]\na=1\n",
	    "1: unknown section \"exprot\"; only [export] is allowed");
	REFUSES("[export]\na=1\n[export2]\n",
	    "3: unknown section \"export2\"; only [export] is allowed");
	REFUSES("[expor]\n",
	    "1: unknown section \"expor\"; only [export] is allowed");
	REFUSES("[ export]\n",
	    "1: unknown section \" export\"; only [export] is allowed");
	REFUSES("[]\n", "1: unknown section \"\"; only [export] is allowed");
	REFUSES("[export]\na=1\n[export]\n",
	    "3: [export] is begun twice (first on line 1); keep one");
	REFUSES("[export\n", "1: the \"]\" is missing; write [export]");
	REFUSES("[export] a = b\n", "1: \"a = b\" stands behind the \"]\"; "
	    "write it on a line of its own");
	REFUSES("[export] ; x\n", "1: \"; x\" stands behind the \"]\"; "
	    "write it on a line of its own");
}

TEST(a_name_can_be_set_once)
{
	REFUSES("[export]\na=1\nb=2\na=3\n",
	    "4: \"a\" is set twice (first on line 2); keep one");
	CHECK_STR(seen, "2:a=1|3:b=2|");
	REFUSES("[export]\na=1\nb=2\nb=\n",
	    "4: \"b\" is set twice (first on line 3); keep one");
	READS("[export]\na=1\naa=2\na-=3\n", "2:a=1|3:aa=2|4:a-=3|");
}

TEST(a_line_cannot_be_indented)
{
	REFUSES("[export]\nimage = /a\n  b\n", "3: the line is indented; a "
	    "value cannot continue on the next line, write it on one line");
	CHECK_STR(seen, "2:image=/a|");
	REFUSES("[export]\n\tmode = rw\n",
	    "2: the line is indented; begin it in the first column");
	REFUSES(" [export]\n",
	    "1: the line is indented; begin it in the first column");
	REFUSES(" ; comment\n",
	    "1: the line is indented; begin it in the first column");
}

TEST(a_line_needs_a_name_and_an_equals_sign)
{
	REFUSES("[export]\nimage\n", "2: there is no \"=\" in \"image\"; "
	    "write name = value, or # before a comment");
	REFUSES("[export]\nimage: /a\n", "2: there is no \"=\" in "
	    "\"image: /a\"; write name = value, or # before a comment");
	REFUSES("[export]\n= a\n",
	    "2: there is no name before the \"=\"; write name = value");
	REFUSES("[export]\nImage = a\n", "2: \"Image\" cannot be a name; "
	    "names are made of a-z, 0-9 and \"-\"");
	REFUSES("[export]\na b = a\n", "2: \"a b\" cannot be a name; "
	    "names are made of a-z, 0-9 and \"-\"");
	REFUSES("[export]\na:b = a\n", "2: \"a:b\" cannot be a name; "
	    "names are made of a-z, 0-9 and \"-\"");
	REFUSES("[export]\na;b = a\n", "2: \"a;b\" cannot be a name; "
	    "names are made of a-z, 0-9 and \"-\"");
}

TEST(control_characters_are_refused_everywhere)
{
	REFUSES("[export]\na = b\0c\n", "2: there is a NUL byte in the line; "
	    "this is not a text file");
	REFUSES("\0", "1: there is a NUL byte in the line; this is not a text "
	    "file");
	REFUSES("# \x1b[31m\n[export]\n", "1: there is a control character "
	    "(\\x1b) in the line; remove it");
	REFUSES("[export]\na = b\x7f\n", "2: there is a control character "
	    "(\\x7f) in the line; remove it");
	REFUSES("[export]\na = b\tc\n", "2: the value has a control character "
	    "(\\t) in it; write it without");
}

/* "[export]\n", a name of nlen letters, "=", a value of vlen, "\n" */
static int
parse_long(size_t nlen, size_t vlen)
{
	static char text[65536];
	size_t len = 0;

	len += (size_t)snprintf(text, sizeof text, "[export]\n");
	memset(text + len, 'n', nlen);
	len += nlen;
	text[len++] = '=';
	memset(text + len, 'v', vlen);
	len += vlen;
	text[len++] = '\n';
	return parse_bytes(text, len);
}

TEST(long_lines_are_read_whole_or_refused)
{
	size_t n;

	/* inih cuts lines at 200 bytes and names at 49 */
	for (n = 100; n < 300; n++) {
		CHECK(parse_long(1, n) == 0);
		CHECK(strlen(seen) == n + strlen("2:n=|"));
		CHECK(parse_long(CONF_NAME_MAX, n) == 0);
		CHECK(strlen(seen) == n + CONF_NAME_MAX + strlen("2:=|"));
	}
	CHECK(parse_long(CONF_NAME_MAX, CONF_VALUE_MAX) == 0);
	CHECK(strlen(seen) ==
	    CONF_NAME_MAX + CONF_VALUE_MAX + strlen("2:=|"));
	CHECK(parse_long(1, CONF_VALUE_MAX + 1) == -1);
	CHECK_STR(diag.text,
	    "disk.ini:2: the value of \"n\" has 8001 bytes; 8000 are the most");
	CHECK(parse_long(CONF_NAME_MAX + 1, 1) == -1);
	CHECK(strstr(diag.text, "is too long; 48 letters are the most"));
	CHECK(parse_long(1, CONF_LINE_MAX) == -1);
	CHECK_STR(diag.text, "disk.ini:2: the line has 8194 bytes; 8192 are "
	    "the most that are read");
}

TEST(files_and_sections_have_caps)
{
	static char text[CONF_FILE_MAX + 1];
	size_t len;
	int i;

	memset(text, '\n', sizeof text);
	memcpy(text, "[export]", 8);
	CHECK(parse_bytes(text, CONF_FILE_MAX) == 0);
	CHECK(parse_bytes(text, CONF_FILE_MAX + 1) == -1);
	CHECK_STR(diag.text, "disk.ini: the file has 1048577 bytes; 1048576 "
	    "are the most that are read");
	len = 9;
	for (i = 0; i < CONF_NAMES_MAX; i++)
		len += (size_t)snprintf(text + len, 20, "n%d=\n", i);
	CHECK(parse_bytes(text, len) == 0);
	len += (size_t)snprintf(text + len, 20, "more=\n");
	CHECK(parse_bytes(text, len) == -1);
	CHECK_STR(diag.text,
	    "disk.ini:258: there are more than 256 names in the section");
}

TEST(nothing_behind_an_error_is_read)
{
	REFUSES("[export]\na=1\nb\nc=2\n", "3: there is no \"=\" in \"b\"; "
	    "write name = value, or # before a comment");
	CHECK_STR(seen, "2:a=1|");
	REFUSES("[export]\na=1\nrefuse=x\nc=2\n", "3: \"refuse\" is refused");
	CHECK_STR(seen, "2:a=1|3:refuse=x|");
}

TEST(a_value_that_would_change_is_refused_for_writing)
{
	static char value[CONF_VALUE_MAX + 2];
	struct diag d;

	CHECK(conf_value_check("", NULL) == 0);
	CHECK(conf_value_check("a ; b = [c] # \"d\" \\", NULL) == 0);
	CHECK(conf_value_check("\xff\xc3\xa9", NULL) == 0);
	CHECK(conf_value_check(" a", &d) == -1);
	CHECK_STR(d.text, "the value has a blank at its beginning, which would "
	    "be lost; write it without");
	CHECK(conf_value_check("a ", &d) == -1);
	CHECK(strstr(d.text, "at its end"));
	CHECK(conf_value_check("a\nb", &d) == -1);
	CHECK_STR(d.text, "the value has a control character (\\n) in it; "
	    "write it without");
	CHECK(conf_value_check("a\tb", NULL) == -1);
	CHECK(conf_value_check("\x7f", NULL) == -1);
	memset(value, 'v', CONF_VALUE_MAX);
	CHECK(conf_value_check(value, NULL) == 0);
	value[CONF_VALUE_MAX] = 'v';
	CHECK(conf_value_check(value, NULL) == -1);
}

int
main(void)
{
	RUN(names_and_values_are_read_with_their_lines);
	RUN(a_value_is_what_stands_behind_the_first_equals_sign);
	RUN(comments_and_blank_lines_count_as_lines_only);
	RUN(line_ends_and_a_byte_order_mark_are_accepted);
	RUN(a_missing_section_is_named);
	RUN(other_sections_are_refused);
	RUN(a_name_can_be_set_once);
	RUN(a_line_cannot_be_indented);
	RUN(a_line_needs_a_name_and_an_equals_sign);
	RUN(control_characters_are_refused_everywhere);
	RUN(long_lines_are_read_whole_or_refused);
	RUN(files_and_sections_have_caps);
	RUN(nothing_behind_an_error_is_read);
	RUN(a_value_that_would_change_is_refused_for_writing);
	return DONE();
}
