/* buf: growth, the cap, the NUL. */
#include "base/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "unit.h"

TEST(what_is_added_stands_there_with_a_nul_behind)
{
	struct buf b;

	buf_init(&b, 100);
	CHECK(buf_add(&b, "ab\0c", 4) == 0);
	CHECK(buf_addf(&b, "%d%s", 42, "x") == 0);
	CHECK(b.len == 7 && memcmp(b.data, "ab\0c42x", 8) == 0);
	buf_free(&b);
	CHECK(b.data == NULL && b.len == 0 && b.max == 100);
}

TEST(nothing_over_the_cap_is_added)
{
	struct buf b;

	buf_init(&b, 5);
	CHECK(buf_add(&b, "12345", 5) == 0);
	errno = 0;
	CHECK(buf_add(&b, "6", 1) == -1 && errno == EFBIG);
	errno = 0;
	CHECK(buf_addf(&b, "%s", "6") == -1 && errno == EFBIG);
	CHECK_STR(b.data, "12345");
	CHECK(b.cap == 6);
	buf_reset(&b);
	CHECK(b.len == 0 && b.data[0] == '\0');
	CHECK(buf_addf(&b, "%s", "abcdef") == -1);
	CHECK(buf_addf(&b, "%s", "abcde") == 0);
	CHECK_STR(b.data, "abcde");
	buf_free(&b);
}

TEST(a_length_that_would_wrap_is_refused)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	CHECK(buf_add(&b, "1", 1) == 0);
	errno = 0;
	CHECK(buf_add(&b, "2", SIZE_MAX) == -1 && errno == EFBIG);
	errno = 0;
	CHECK(buf_add(&b, "2", SIZE_MAX - 1) == -1 && errno == EFBIG);
	CHECK_STR(b.data, "1");
	buf_free(&b);
}

TEST(many_small_pieces_become_one_text)
{
	struct buf b;
	char want[16];
	int i;

	buf_init(&b, 1 << 20);
	for (i = 0; i < 10000; i++)
		CHECK(buf_addf(&b, "%05d,", i) == 0);
	CHECK(b.len == 60000 && strlen(b.data) == 60000);
	for (i = 0; i < 10000; i++) {
		snprintf(want, sizeof want, "%05d,", i);
		CHECK(memcmp(b.data + 6 * i, want, 6) == 0);
	}
	buf_free(&b);
}

TEST(memory_that_was_taken_is_the_callers)
{
	struct buf b;
	char *text;

	buf_init(&b, 100);
	buf_addf(&b, "mine");
	text = buf_take(&b);
	CHECK_STR(text, "mine");
	CHECK(b.data == NULL && b.len == 0);
	free(text);
	text = buf_take(&b);
	CHECK_STR(text, "");
	free(text);
	buf_free(&b);
	buf_free(NULL);
}

int
main(void)
{
	RUN(what_is_added_stands_there_with_a_nul_behind);
	RUN(nothing_over_the_cap_is_added);
	RUN(a_length_that_would_wrap_is_refused);
	RUN(many_small_pieces_become_one_text);
	RUN(memory_that_was_taken_is_the_callers);
	return DONE();
}
