/* text: UTF-8, escapes, nearest names, lists, times. */
#include "base/text.h"

#include "unit.h"

static bool
valid(const char *s)
{
	return text_utf8(s, strlen(s));
}

TEST(utf8_is_told_from_what_only_looks_like_it)
{
	CHECK(valid("") && valid("abc") && valid("\x7f"));
	CHECK(valid("\xc2\x80") && valid("\xdf\xbf"));
	CHECK(valid("\xe0\xa0\x80") && valid("\xed\x9f\xbf"));
	CHECK(valid("\xee\x80\x80") && valid("\xef\xbf\xbf"));
	CHECK(valid("\xf0\x90\x80\x80") && valid("\xf4\x8f\xbf\xbf"));
	CHECK(!valid("\x80") && !valid("\xbf") && !valid("\xff"));
	CHECK(!valid("\xc0\x80") && !valid("\xc1\xbf"));  /* overlong */
	CHECK(!valid("\xe0\x9f\xbf") && !valid("\xf0\x8f\xbf\xbf"));
	CHECK(!valid("\xed\xa0\x80") && !valid("\xed\xbf\xbf")); /* surrogate */
	CHECK(!valid("\xf4\x90\x80\x80") && !valid("\xf5\x80\x80\x80"));
	CHECK(!valid("\xc2") && !valid("\xe2\x82") && !valid("\xf0\x9f\x92"));
	CHECK(!valid("\xe2\x82x") && !valid("\xc2\xc2"));
	CHECK(!text_utf8("a\0b", 3));
}

TEST(a_character_is_not_looked_for_behind_the_end)
{
	CHECK(!text_utf8("\xe2\x82\xac", 2));
	CHECK(!text_utf8("\xf0\x9f\x92\xbe", 3));
	CHECK(text_utf8("\xe2\x82\xac\xff", 3));
}

static const char *
escaped(const char *s, size_t len)
{
	static char dst[256];

	return text_escape(dst, sizeof dst, s, len);
}

TEST(unprintable_bytes_are_escaped_and_others_are_not)
{
	CHECK_STR(escaped("plain = text; #", 15), "plain = text; #");
	CHECK_STR(escaped("\n\t\r\\\"", 5), "\\n\\t\\r\\\\\\\"");
	CHECK_STR(escaped("\0\x1b\x7f\xff", 4), "\\x00\\x1b\\x7f\\xff");
	CHECK_STR(escaped("\xc3\xa9\xe2\x82\xac", 5), "\xc3\xa9\xe2\x82\xac");
	CHECK_STR(escaped("\xe2\x82", 2), "\\xe2\\x82");
	/* U+009B begins an escape sequence on some terminals */
	CHECK_STR(escaped("\xc2\x9b" "31m\xc2\xa0", 7),
	    "\\xc2\\x9b" "31m\xc2\xa0");
	CHECK_STR(escaped("", 0), "");
}

TEST(an_escape_that_does_not_fit_is_cut_with_dots)
{
	static const char text[] = "ab\n\xe2\x82\xac\xff" "cd";
	char full[64], dst[64];
	size_t size, len;

	text_escape(full, sizeof full, text, sizeof text - 1);
	for (size = 1; size < sizeof full; size++) {
		memset(dst, '#', sizeof dst);
		text_escape(dst, size, text, sizeof text - 1);
		len = strlen(dst);
		CHECK(len < size && dst[size] == '#');
		if (size > strlen(full)) {
			CHECK_STR(dst, full);
			continue;
		}
		CHECK(text_utf8(dst, len));
		if (size < 4) {
			CHECK(strncmp(dst, "...", len) == 0 && len == size - 1);
			continue;
		}
		CHECK_STR(dst + len - 3, "...");
		CHECK(strncmp(dst, full, len - 3) == 0);
	}
	dst[0] = '#';
	text_escape(dst, 0, "x", 1);
	CHECK(dst[0] == '#');
}

struct row {
	int before;
	const char *name;
};

static const char *
nearest(const char *word)
{
	static const struct row rows[] = { { 0, "image" }, { 0, "description" },
		{ 0, "mode" }, { 0, "block-min" }, { 0, "block-max" },
		{ 0, "max-clients" }, { 0, "allow" } };

	return text_nearest(word, &rows[0].name, 7, sizeof *rows);
}

TEST(a_misspelt_word_finds_the_nearest_name)
{
	CHECK_STR(nearest("image"), "image");
	CHECK_STR(nearest("imgae"), "image"); /* swapped */
	CHECK_STR(nearest("imag"), "image");
	CHECK_STR(nearest("iimage"), "image");
	CHECK_STR(nearest("inage"), "image");
	CHECK_STR(nearest("IMAGE"), "image");
	CHECK_STR(nearest("blockmin"), "block-min");
	CHECK_STR(nearest("block-maxx"), "block-max");
	CHECK_STR(nearest("max_client"), "max-clients");
	CHECK_STR(nearest("desciptino"), "description");
}

TEST(a_word_far_from_all_names_finds_none)
{
	char word[200];

	CHECK(nearest("") == NULL);
	CHECK(nearest("x") == NULL);
	CHECK(nearest("size") == NULL);
	CHECK(nearest("imxxe") == NULL);
	CHECK(nearest("partition") == NULL);
	memset(word, 'a', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	CHECK(nearest(word) == NULL);
	CHECK(text_nearest("a", NULL, 0, sizeof(char *)) == NULL);
}

TEST(items_are_what_stands_between_commas_and_blanks)
{
	const char *c = " a,bb , ,c\td,", *item;
	size_t len;

	item = text_item(&c, &len);
	CHECK(item != NULL && len == 1 && *item == 'a');
	item = text_item(&c, &len);
	CHECK(item != NULL && len == 2 && memcmp(item, "bb", 2) == 0);
	item = text_item(&c, &len);
	CHECK(item != NULL && len == 1 && *item == 'c');
	item = text_item(&c, &len);
	CHECK(item != NULL && len == 1 && *item == 'd');
	CHECK(text_item(&c, &len) == NULL);
	CHECK(text_item(&c, &len) == NULL);
	c = " , ";
	CHECK(text_item(&c, &len) == NULL);
	c = NULL;
	CHECK(text_item(&c, &len) == NULL);
}

TEST(times_are_utc)
{
	char dst[32], small[8];

	CHECK_STR(text_time(dst, sizeof dst, 0), "1970-01-01T00:00:00Z");
	CHECK_STR(text_time(dst, sizeof dst, 1795292274),
	    "2026-11-21T20:17:54Z");
	CHECK_STR(text_time(dst, sizeof dst, 0x7fffffffffffffffLL),
	    "@9223372036854775807");
	CHECK_STR(text_time(small, sizeof small, 1), "@1");
}

TEST(what_is_not_there_is_the_same_as_nothing_else)
{
	char a[] = "a";

	CHECK(text_same(NULL, NULL) && text_same(a, "a"));
	CHECK(!text_same(NULL, "") && !text_same("", NULL));
	CHECK(!text_same(a, "ab"));
}

int
main(void)
{
	RUN(utf8_is_told_from_what_only_looks_like_it);
	RUN(a_character_is_not_looked_for_behind_the_end);
	RUN(unprintable_bytes_are_escaped_and_others_are_not);
	RUN(an_escape_that_does_not_fit_is_cut_with_dots);
	RUN(a_misspelt_word_finds_the_nearest_name);
	RUN(a_word_far_from_all_names_finds_none);
	RUN(items_are_what_stands_between_commas_and_blanks);
	RUN(what_is_not_there_is_the_same_as_nothing_else);
	RUN(times_are_utc);
	return DONE();
}
