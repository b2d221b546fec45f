/* cell, table: text on a terminal lines up and cannot take it over. */
#include "tool/cell.h"

#include <locale.h>
#include <stdlib.h>

#include "tool/table.h"
#include "unit.h"

static char out[256];

static size_t
escape(const char *text)
{
	return cell_escape(out, sizeof(out), text);
}

TEST(plain_text_stays_as_it_is)
{
	CHECK(escape("a \"b\" \\ c~") == 10);
	CHECK_STR(out, "a \"b\" \\ c~");
	CHECK(escape("") == 0);
	CHECK_STR(out, "");
}

TEST(control_characters_and_bad_bytes_are_escaped)
{
	CHECK(escape("a\033[2Jb") == 9);
	CHECK_STR(out, "a\\x1b[2Jb");
	CHECK(escape("1\n2\t3\x7f") == 11);
	CHECK_STR(out, "1\\n2\\t3\\x7f");
	CHECK(escape("\xff\xc3") == 8);
	CHECK_STR(out, "\\xff\\xc3");
	/* U+009B is CSI, as good as ESC [ to some terminals. */
	CHECK(escape("\xc2\x9b" "1m") == 10);
	CHECK_STR(out, "\\xc2\\x9b1m");
}

TEST(characters_count_as_the_columns_that_they_take)
{
	setlocale(LC_ALL, "C"); /* whatever the user has */
	CHECK(escape("h\xc3\xa4llo") == 5);
	CHECK_STR(out, "h\xc3\xa4llo");
	CHECK(escape("\xe6\x97\xa5\xe6\x9c\xac") == 4); /* two wide ones */
	CHECK(escape("e\xcc\x81") == 1); /* a combining accent */
	CHECK(cell_clip("h\xc3\xa4llo", 2) == 3);
	CHECK(cell_clip("\xe6\x97\xa5\xe6\x9c\xac", 3) == 3);
	CHECK(cell_clip("abc", 2) == 2);
	CHECK(cell_clip("abc", 9) == 3);
}

TEST(text_is_cut_between_characters)
{
	CHECK(cell_escape(out, 4, "ab\xc3\xa4") == 2);
	CHECK_STR(out, "ab");
	CHECK(cell_escape(out, 4, "abcdef") == 3);
	CHECK_STR(out, "abc");
	CHECK(cell_escape(out, 5, "ab\033\xc3") == 2);
	CHECK_STR(out, "ab");
}

TEST(ages_have_two_units_at_most)
{
	CHECK_STR(cell_age(out, sizeof(out), -3), "0s");
	CHECK_STR(cell_age(out, sizeof(out), 59.9), "59s");
	CHECK_STR(cell_age(out, sizeof(out), 248), "4m08s");
	CHECK_STR(cell_age(out, sizeof(out), 3600 * 3 + 12 * 60 + 5), "3h12m");
	CHECK_STR(cell_age(out, sizeof(out), 86400 * 5 + 3 * 3600), "5d03h");
}

/* --- tables --------------------------------------------------------------- */

static char *
printed(const struct table *t, size_t width)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	CHECK(table_print(t, f, width) == 0);
	fclose(f);
	return text;
}

static const struct column columns[] = { { "NAME", false }, { "N", true },
	{ "TEXT", false } };

TEST(columns_line_up_around_wide_and_accented_text)
{
	struct table t;
	char *text;

	table_init(&t, columns, 3);
	table_row(&t, (const char *[]) { "h\xc3\xa4", "1000", "x" });
	table_row(&t, (const char *[]) { "\xe6\x97\xa5\xe6\x9c\xac!", "7",
	    NULL });
	table_note(&t, "why\nnot");
	text = printed(&t, 0);
	CHECK_STR(text,
	    "NAME      N  TEXT\n"
	    "h\xc3\xa4     1000  x\n"
	    "\xe6\x97\xa5\xe6\x9c\xac!     7\n"
	    "    why\\nnot\n");
	free(text);
	text = printed(&t, 11);
	CHECK_STR(text,
	    "NAME      N\n"
	    "h\xc3\xa4     1000\n"
	    "\xe6\x97\xa5\xe6\x9c\xac!     7\n"
	    "    why\\nno\n");
	free(text);
	table_free(&t);
}

TEST(a_table_without_rows_prints_nothing)
{
	struct table t;
	char *text;

	table_init(&t, columns, 3);
	text = printed(&t, 0);
	CHECK_STR(text, "");
	free(text);
	table_free(&t);
}

int
main(void)
{
	RUN(plain_text_stays_as_it_is);
	RUN(control_characters_and_bad_bytes_are_escaped);
	RUN(characters_count_as_the_columns_that_they_take);
	RUN(text_is_cut_between_characters);
	RUN(ages_have_two_units_at_most);
	RUN(columns_line_up_around_wide_and_accented_text);
	RUN(a_table_without_rows_prints_nothing);
	return DONE();
}
