/* size: what is a size, what is not, and back. */
#include "base/size.h"

#include <stdbool.h>

#include "unit.h"

static uint64_t
size_of(const char *text)
{
	struct diag d;
	uint64_t n;

	if (size_parse(text, &n, &d) == 0)
		return n;
	printf("# %s\n", d.text);
	return 0xbad;
}

static bool
refused(const char *text)
{
	struct diag d = { "" };
	uint64_t n = 7;

	return size_parse(text, &n, &d) == -1 && n == 7 && d.text[0] != '\0';
}

TEST(suffixes_are_powers_of_1024)
{
	CHECK(size_of("0") == 0 && size_of("512") == 512);
	CHECK(size_of("512B") == 512 && size_of("7b") == 7);
	CHECK(size_of("64k") == 65536 && size_of("64K") == 65536);
	CHECK(size_of("64KB") == 65536 && size_of("64KiB") == 65536);
	CHECK(size_of("64kib") == 65536 && size_of("0064k") == 65536);
	CHECK(size_of("1M") == 1 << 20 && size_of("1G") == 1 << 30);
	CHECK(size_of("3t") == 3ull << 40 && size_of("2P") == 2ull << 50);
	CHECK(size_of("15E") == 15ull << 60);
}

TEST(rubbish_is_refused)
{
	CHECK(refused("") && refused("k") && refused("x") && refused("1.5M"));
	CHECK(refused("-1") && refused("+1") && refused(" 1") && refused("1 "));
	CHECK(refused("1 k") && refused("1kk") && refused("1Z"));
	CHECK(refused("1BB") && refused("1BiB") && refused("1Ki"));
	CHECK(refused("1KiBs") && refused("0x10") && refused("1,5"));
	CHECK(refused("1\xc4\xb0") && refused("1@") && refused("1`"));
}

TEST(what_does_not_fit_into_64_bits_is_refused)
{
	CHECK(size_of("18446744073709551615") == UINT64_MAX);
	CHECK(refused("18446744073709551616"));
	CHECK(refused("99999999999999999999999999"));
	CHECK(size_of("17179869183G") == 17179869183ull << 30);
	CHECK(refused("17179869184G"));
	CHECK(refused("16E"));
	CHECK(refused("18014398509481984K"));
}

TEST(an_error_names_the_text_and_what_would_be_right)
{
	struct diag d;
	uint64_t n;

	size_parse("1.5\nM", &n, &d);
	CHECK_STR(d.text, "\"1.5\\nM\" is not a size; write a whole number "
	    "with at most one of K, M, G, T behind it, like 64K");
	size_parse("16E", &n, &d);
	CHECK_STR(d.text, "\"16E\" is too large; sizes are below 16E");
}

static const char *
formatted(uint64_t n)
{
	static char text[SIZE_TEXT];

	return size_format(text, sizeof text, n);
}

TEST(the_written_form_is_exact)
{
	static const uint64_t near[] = { 0, 1, 1023, 1024, 1536, 2047, 2048 };
	uint64_t n, back;
	unsigned shift, i;

	CHECK_STR(formatted(0), "0");
	CHECK_STR(formatted(1536), "1536");
	CHECK_STR(formatted(2048), "2K");
	CHECK_STR(formatted(1ull << 60), "1E");
	CHECK_STR(formatted(UINT64_MAX), "18446744073709551615");
	for (shift = 0; shift < 64; shift++)
		for (i = 0; i < sizeof near / sizeof *near; i++) {
			n = (1ull << shift) * near[i] + shift % 2;
			CHECK(size_parse(formatted(n), &back, NULL) == 0);
			CHECK(back == n);
		}
}

static const char *
human(uint64_t n)
{
	static char text[SIZE_TEXT];

	return size_human(text, sizeof text, n);
}

TEST(people_read_three_figures)
{
	CHECK_STR(human(0), "0");
	CHECK_STR(human(1023), "1023");
	CHECK_STR(human(1024), "1K");
	CHECK_STR(human(1536), "1.5K");
	CHECK_STR(human(1610612736), "1.5G");
	CHECK_STR(human(1234567), "1.18M");
	CHECK_STR(human(999 * 1024), "999K");
	CHECK_STR(human(1023 * 1024), "0.999M");
	CHECK_STR(human(1048575), "1M");
	CHECK_STR(human(UINT64_MAX), "16E");
}

int
main(void)
{
	RUN(suffixes_are_powers_of_1024);
	RUN(rubbish_is_refused);
	RUN(what_does_not_fit_into_64_bits_is_refused);
	RUN(an_error_names_the_text_and_what_would_be_right);
	RUN(the_written_form_is_exact);
	RUN(people_read_three_figures);
	return DONE();
}
