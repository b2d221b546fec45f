/* keys: a table with a key of every type and flag. */
#include "base/keys.h"

#include <errno.h>
#include <stdlib.h>

#include "base/conf.h"
#include "unit.h"

static const char *const colours[] = { "red", "green", "blue", NULL };

static int
check_absolute(const char *value, struct diag *d)
{
	if (value[0] != '/')
		return diag_set(d, "\"%s\" is not absolute", value);
	return 0;
}

static int
check_short(const char *value, struct diag *d)
{
	return strlen(value) > 3 ? diag_set(d, "\"%s\" is long", value) : 0;
}

static int
check_power(const char *value, struct diag *d)
{
	return strchr(value, '3') != NULL ? diag_set(d, "a three") : 0;
}

struct thing {
	char *path, *title, *user, *list;
	uint64_t size, count, time;
	unsigned colour;
	bool yes, no;
};

#define ROW(n, t, m) .name = n, .type = t, .offset = offsetof(struct thing, m)
static const struct key table[] = {
	{ ROW("path", KEY_STRING, path), .flags = KEY_REQUIRED,
	    .check = check_absolute, .arg = "PATH", .help = "what" },
	{ ROW("title", KEY_STRING, title), .flags = KEY_UTF8, .help = "why" },
	{ ROW("user", KEY_STRING, user), .value = "nbdmux", .help = "who" },
	{ .name = "later", .flags = KEY_LATER, .help = "never shown" },
	{ ROW("list", KEY_LIST, list), .check = check_short, .help = "which" },
	{ ROW("size", KEY_SIZE, size), .value = "64k", .min = 1024,
	    .max = 1 << 20, .check = check_power, .help = "how large" },
	{ ROW("count", KEY_COUNT, count), .min = 1, .max = 1000,
	    .help = "how many" },
	{ ROW("time", KEY_SECONDS, time), .value = "10", .max = 86400,
	    .help = "how long" },
	{ ROW("colour", KEY_ENUM, colour), .choices = colours,
	    .value = "green", .help = "which" },
	{ ROW("yes", KEY_BOOL, yes), .value = "yes", .help = "whether" },
	{ ROW("no", KEY_BOOL, no), .help = "whether not" },
	{ 0 }
};

static struct thing thing;
static struct diag diag;

static void
begin(void)
{
	keys_clear(table, &thing);
	diag.text[0] = '\0';
	CHECK(keys_init(table, &thing, &diag) == 0);
	CHECK_STR(diag.text, "");
}

static int
set(const char *name, const char *value)
{
	diag.text[0] = '\0';
	return keys_set(table, &thing, name, value, &diag);
}

static int
parse(const char *text)
{
	begin();
	return keys_parse(table, &thing, "thing", text, strlen(text), "a.ini",
	    &diag);
}

/* What keys_format() writes, or NULL. */
static const char *
format(void)
{
	static char text[65536];
	struct buf b;
	int result;

	buf_init(&b, sizeof text - 1);
	result = keys_format(table, &thing, "thing", &b, &diag);
	snprintf(text, sizeof text, "%s", b.data != NULL ? b.data : "");
	CHECK(result == 0 || b.len == 0);
	buf_free(&b);
	return result == 0 ? text : NULL;
}

TEST(defaults_come_from_the_table)
{
	begin();
	CHECK(thing.path == NULL && thing.title == NULL && thing.list == NULL);
	CHECK_STR(thing.user, "nbdmux");
	CHECK(thing.size == 65536 && thing.count == 0 && thing.time == 10);
	CHECK(thing.colour == 1 && thing.yes && !thing.no);
}

TEST(each_type_is_read)
{
	begin();
	CHECK(set("path", "/a b;c") == 0);
	CHECK_STR(thing.path, "/a b;c");
	CHECK(set("list", " a,b  c,,d ,") == 0);
	CHECK_STR(thing.list, "a, b, c, d");
	CHECK(set("size", "128K") == 0 && thing.size == 131072);
	CHECK(set("count", "0007") == 0 && thing.count == 7);
	CHECK(set("time", "10") == 0 && thing.time == 10);
	CHECK(set("time", "90s") == 0 && thing.time == 90);
	CHECK(set("time", "5m") == 0 && thing.time == 300);
	CHECK(set("time", "2h") == 0 && thing.time == 7200);
	CHECK(set("time", "0") == 0 && thing.time == 0);
	CHECK(set("colour", "blue") == 0 && thing.colour == 2);
}

TEST(yes_and_no_have_many_names)
{
	static const char *const yes[] = { "yes", "on", "true", "1", "Yes" };
	static const char *const no[] = { "no", "off", "false", "0", "OFF" };
	int i;

	begin();
	for (i = 0; i < 5; i++) {
		CHECK(set("no", yes[i]) == 0 && thing.no);
		CHECK(set("no", no[i]) == 0 && !thing.no);
	}
	CHECK(set("no", "maybe") == -1);
	CHECK_STR(diag.text,
	    "\"no\": \"maybe\" is neither yes nor no; write one of them");
}

#define REFUSES(name, value, why)                                         \
	do {                                                              \
		CHECK(set(name, value) == -1);                            \
		CHECK_STR(diag.text, why);                                \
	} while (0)

TEST(an_error_says_what_would_be_right)
{
	begin();
	REFUSES("size", "1.5M", "\"size\": \"1.5M\" is not a size; write a "
	    "whole number with at most one of K, M, G, T behind it, like 64K");
	REFUSES("size", "2M", "\"size\": 2M is out of range; write 1K to 1M");
	REFUSES("size", "1023",
	    "\"size\": 1023 is out of range; write 1K to 1M");
	REFUSES("size", "3K", "\"size\": a three");
	REFUSES("count", "0", "\"count\": 0 is out of range; write 1 to 1000");
	REFUSES("count", "1k", "\"count\": \"1k\" is not a whole number; "
	    "write it with digits only");
	REFUSES("count", "-1", "\"count\": \"-1\" is not a whole number; "
	    "write it with digits only");
	REFUSES("count", "18446744073709551616",
	    "\"count\": 18446744073709551616 is too large");
	REFUSES("time", "2d", "\"time\": \"2d\" is not a time; write a whole "
	    "number with s, m or h behind it, like 90s, 5m or 2h");
	REFUSES("time", "m", "\"time\": \"m\" is not a time; write a whole "
	    "number with s, m or h behind it, like 90s, 5m or 2h");
	REFUSES("time", "1mm", "\"time\": \"1mm\" is not a time; write a whole "
	    "number with s, m or h behind it, like 90s, 5m or 2h");
	REFUSES("time", "25h",
	    "\"time\": 25h is out of range; write 0 to 24h");
	REFUSES("time", "5124095576030432h",
	    "\"time\": 5124095576030432h is too large");
	REFUSES("colour", "pink",
	    "\"colour\": \"pink\" is not known; write red, green or blue");
	REFUSES("path", "a", "\"path\": \"a\" is not absolute");
	REFUSES("list", "a, bbbb", "\"list\": \"bbbb\" is long");
	REFUSES("title", "\xff",
	    "\"title\": the value is not valid UTF-8; write it in that "
	    "encoding");
	REFUSES("user", "a\nb", "\"user\": the value has a control character "
	    "(\\n) in it; write it without");
	REFUSES("later", "1", "\"later\" is not supported yet");
	REFUSES("colr", "1", "unknown key \"colr\"; did you mean \"colour\"?");
	REFUSES("zzz\n", "1", "unknown key \"zzz\\n\"; known are path, title, "
	    "user, list, size, count, time, colour, yes, no");
}

TEST(a_refused_value_changes_nothing)
{
	struct thing before = { 0 };
	const struct key *key;

	begin();
	CHECK(set("path", "/a") == 0 && set("list", "a b") == 0);
	CHECK(keys_copy(table, &before, &thing) == 0);
	for (key = table; key->name != NULL; key++) {
		CHECK(set(key->name, "bad\nvalue") == -1);
		CHECK(keys_equal(table, &before, &thing));
	}
	keys_clear(table, &before);
}

TEST(empty_means_not_set_where_that_is_possible)
{
	begin();
	CHECK(set("user", "") == 0 && thing.user == NULL);
	CHECK(set("title", "x") == 0 && set("title", "") == 0);
	CHECK(thing.title == NULL);
	CHECK(set("list", "a") == 0 && set("list", " , ,") == 0);
	CHECK(thing.list == NULL);
	REFUSES("path", "", "\"path\": the value is empty; write path = PATH");
	REFUSES("count", "", "\"count\": the value is empty; leave the line "
	    "out for the default");
	REFUSES("colour", "", "\"colour\": the value is empty; leave the line "
	    "out for the default");
	REFUSES("yes", "", "\"yes\": the value is empty; leave the line out "
	    "for the default");
}

TEST(a_file_is_read_over_the_defaults)
{
	CHECK(parse("[thing]\npath = /x\ntime = 1m\n") == 0);
	CHECK_STR(thing.path, "/x");
	CHECK(thing.time == 60 && thing.size == 65536 && thing.yes);
}

TEST(an_error_in_a_file_names_file_and_line)
{
	CHECK(parse("[thing]\npath = /x\npaht = /y\n") == -1);
	CHECK_STR(diag.text,
	    "a.ini:3: unknown key \"paht\"; did you mean \"path\"?");
	CHECK(parse("[thing]\npath = x\n") == -1);
	CHECK_STR(diag.text, "a.ini:2: \"path\": \"x\" is not absolute");
	CHECK(parse("[thing]\ntitle = x\n") == -1);
	CHECK_STR(diag.text,
	    "a.ini: \"path\" is missing; add the line path = PATH");
	CHECK(parse("[thing]\nlater = x\n") == -1);
	CHECK_STR(diag.text, "a.ini:2: \"later\" is not supported yet");
}

TEST(only_what_differs_from_the_default_is_written)
{
	begin();
	CHECK(set("path", "/x") == 0);
	CHECK_STR(format(), "[thing]\npath = /x\n");
	CHECK(set("title", "a ; b") == 0 && set("user", "") == 0);
	CHECK(set("list", "a,b") == 0 && set("size", "2048") == 0);
	CHECK(set("count", "12") == 0 && set("time", "5400") == 0);
	CHECK(set("colour", "red") == 0 && set("yes", "off") == 0);
	CHECK(set("no", "on") == 0);
	CHECK_STR(format(), "[thing]\npath = /x\ntitle = a ; b\nuser =\n"
	    "list = a, b\nsize = 2K\ncount = 12\ntime = 90m\ncolour = red\n"
	    "yes = no\nno = yes\n");
}

static void
refuses_to_write(char **member, const char *value, const char *why)
{
	char *before = *member;

	*member = strdup(value);
	CHECK(format() == NULL);
	CHECK_STR(diag.text, why);
	free(*member);
	*member = before;
}

TEST(what_could_not_be_read_back_is_not_written)
{
	begin();
	CHECK(format() == NULL);
	CHECK_STR(diag.text,
	    "\"path\": the value is empty; write path = PATH");
	CHECK(set("path", "/x") == 0 && format() != NULL);
	refuses_to_write(&thing.title, "a\nyes = no", "\"title\": the value "
	    "has a control character (\\n) in it; write it without");
	refuses_to_write(&thing.title, " a", "\"title\": the value has a blank "
	    "at its beginning, which would be lost; write it without");
	refuses_to_write(&thing.title, "\xff", "\"title\": the value is not "
	    "valid UTF-8; write it in that encoding");
	refuses_to_write(&thing.list, "a, b\x01", "\"list\": the value has a "
	    "control character (\\x01) in it; write it without");
	thing.count = 1001;
	CHECK(format() == NULL);
	CHECK_STR(diag.text,
	    "\"count\": 1001 is out of range; write 1 to 1000");
	thing.count = 0;
	thing.colour = 3;
	CHECK(format() == NULL);
	CHECK_STR(diag.text,
	    "\"colour\": cannot write the value: Invalid argument");
	thing.colour = 0;
	CHECK(format() != NULL);
}

TEST(a_text_over_the_buffers_cap_leaves_the_buffer_as_it_was)
{
	struct buf b;

	begin();
	CHECK(set("path", "/x") == 0);
	buf_init(&b, 15);
	buf_addf(&b, "abc");
	CHECK(keys_format(table, &thing, "thing", &b, &diag) == -1);
	CHECK_STR(b.data, "abc");
	CHECK_STR(diag.text, "\"path\": cannot write the line: File too large");
	buf_free(&b);
}

TEST(copies_are_deep_and_equal)
{
	struct thing copy = { 0 };

	begin();
	CHECK(set("path", "/x") == 0 && set("list", "a,b") == 0);
	CHECK(keys_copy(table, &copy, &thing) == 0);
	CHECK(keys_equal(table, &copy, &thing));
	CHECK(copy.path != thing.path && copy.list != thing.list);
	free(copy.list);
	copy.list = strdup(" a ,b,"); /* the same items */
	CHECK(keys_equal(table, &copy, &thing));
	strcpy(copy.list, "a,c");
	CHECK(!keys_equal(table, &copy, &thing));
	strcpy(copy.list, "a,b");
	CHECK(copy.title == NULL);
	copy.title = strdup("");
	CHECK(keys_equal(table, &copy, &thing)); /* empty is not set */
	copy.yes = false;
	CHECK(!keys_equal(table, &copy, &thing));
	copy.yes = true;
	copy.time++;
	CHECK(!keys_equal(table, &copy, &thing));
	keys_clear(table, &copy);
	CHECK(copy.path == NULL && copy.time == 0);
	keys_clear(table, &copy);
}

TEST(keys_are_found_by_name)
{
	CHECK(keys_find(table, "user") == &table[2]);
	CHECK(keys_find(table, "later") == &table[3]);
	CHECK(keys_find(table, "use") == NULL && keys_find(table, "") == NULL);
	CHECK_STR(keys_nearest(table, "usr"), "user");
	CHECK(keys_nearest(table, "something") == NULL);
}

TEST(one_value_is_printed_in_its_written_form)
{
	struct buf b;

	begin();
	CHECK(set("time", "120") == 0);
	buf_init(&b, 100);
	CHECK(keys_value(keys_find(table, "time"), &thing, &b) == 0);
	CHECK(keys_value(keys_find(table, "title"), &thing, &b) == 0);
	CHECK(keys_value(keys_find(table, "yes"), &thing, &b) == 0);
	CHECK(keys_value(keys_find(table, "later"), &thing, &b) == 0);
	CHECK_STR(b.data, "2myes");
	buf_free(&b);
}

TEST(every_key_is_a_long_option)
{
	static const struct option extra[] = { { "help", 0, NULL, 'h' },
		{ 0 } };
	struct option *o = keys_options(table, extra, 1000);
	size_t i, rows = sizeof table / sizeof *table - 1;

	CHECK_STR(o[0].name, "help");
	CHECK(o[0].val == 'h');
	CHECK_STR(o[1].name, "path");
	CHECK(o[1].val == 1000 && o[1].has_arg == required_argument);
	CHECK_STR(o[4].name, "list"); /* "later" is left out */
	CHECK(o[4].val == 1004);
	for (i = 1; o[i].name != NULL; i++)
		CHECK_STR(table[o[i].val - 1000].name, o[i].name);
	CHECK(i == rows); /* one more, one left out */
	free(o);
	o = keys_options(table, NULL, 0);
	CHECK_STR(o[0].name, "path");
	free(o);
}

TEST(help_has_a_line_per_key)
{
	struct buf b;

	buf_init(&b, 4096);
	CHECK(keys_help(table, &b) == 0);
	CHECK_STR(b.data,
	    "  --path=PATH              what\n"
	    "  --title=TEXT             why\n"
	    "  --user=TEXT              who [nbdmux]\n"
	    "  --list=LIST              which\n"
	    "  --size=SIZE              how large [64k]\n"
	    "  --count=N                how many\n"
	    "  --time=TIME              how long [10]\n"
	    "  --colour=red|green|blue  which [green]\n"
	    "  --yes=yes|no             whether [yes]\n"
	    "  --no=yes|no              whether not\n");
	buf_free(&b);
}

int
main(void)
{
	RUN(defaults_come_from_the_table);
	RUN(each_type_is_read);
	RUN(yes_and_no_have_many_names);
	RUN(an_error_says_what_would_be_right);
	RUN(a_refused_value_changes_nothing);
	RUN(empty_means_not_set_where_that_is_possible);
	RUN(a_file_is_read_over_the_defaults);
	RUN(an_error_in_a_file_names_file_and_line);
	RUN(only_what_differs_from_the_default_is_written);
	RUN(what_could_not_be_read_back_is_not_written);
	RUN(a_text_over_the_buffers_cap_leaves_the_buffer_as_it_was);
	RUN(copies_are_deep_and_equal);
	RUN(keys_are_found_by_name);
	RUN(one_value_is_printed_in_its_written_form);
	RUN(every_key_is_a_long_option);
	RUN(help_has_a_line_per_key);
	keys_clear(table, &thing);
	return DONE();
}
