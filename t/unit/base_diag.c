/* diag: bounded, at characters' boundaries, errno kept. */
#include "base/diag.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "unit.h"

TEST(an_error_says_what_was_formatted_and_returns_minus_one)
{
	struct diag d;

	CHECK(diag_set(&d, "%s has %d bytes", "x", 3) == -1);
	CHECK_STR(d.text, "x has 3 bytes");
}

TEST(errno_is_said_in_words_and_kept)
{
	struct diag d;

	errno = ENOENT;
	CHECK(diag_errno(&d, "cannot read %s", "a.ini") == -1);
	CHECK(errno == ENOENT);
	CHECK_STR(d.text, "cannot read a.ini: No such file or directory");
	errno = EACCES;
	CHECK(diag_set(&d, "no") == -1);
	CHECK(diag_prefix(&d, "so") == -1);
	CHECK(errno == EACCES);
}

TEST(a_prefix_comes_before_the_words)
{
	struct diag d;

	diag_set(&d, "wrong");
	CHECK(diag_prefix(&d, "%s:%d", "a.ini", 7) == -1);
	CHECK_STR(d.text, "a.ini:7: wrong");
}

TEST(the_old_text_can_be_part_of_the_new_one)
{
	struct diag d;

	diag_set(&d, "inner");
	diag_set(&d, "outer (%s)", d.text);
	CHECK_STR(d.text, "outer (inner)");
}

TEST(nobody_need_listen)
{
	errno = EIO;
	CHECK(diag_set(NULL, "x") == -1);
	CHECK(diag_errno(NULL, "x") == -1);
	CHECK(diag_prefix(NULL, "x") == -1);
	CHECK(errno == EIO);
}

/* Every shift of two, three and four byte characters over the edge. */
TEST(long_text_is_cut_between_characters)
{
	static const char *const chars[] = { "x", "\xc3\xa9", "\xe2\x82\xac",
		"\xf0\x9f\x92\xbe" };
	char text[2 * DIAG_MAX];
	struct diag d;
	size_t c, shift, len, n;

	for (c = 0; c < 4; c++)
		for (shift = 0; shift < 4; shift++) {
			n = strlen(chars[c]);
			memset(text, 'a', shift);
			for (len = shift; len + n < sizeof text; len += n)
				memcpy(text + len, chars[c], n);
			text[len] = '\0';
			diag_set(&d, "%s", text);
			CHECK(strlen(d.text) > DIAG_MAX - 1 - n);
			CHECK(text_utf8(d.text, strlen(d.text)));
			CHECK(strncmp(d.text, text, strlen(d.text)) == 0);
			diag_prefix(&d, "0123456");
			CHECK(strlen(d.text) > DIAG_MAX - 1 - n);
			CHECK(text_utf8(d.text, strlen(d.text)));
		}
}

int
main(void)
{
	RUN(an_error_says_what_was_formatted_and_returns_minus_one);
	RUN(errno_is_said_in_words_and_kept);
	RUN(a_prefix_comes_before_the_words);
	RUN(the_old_text_can_be_part_of_the_new_one);
	RUN(nobody_need_listen);
	RUN(long_text_is_cut_between_characters);
	return DONE();
}
