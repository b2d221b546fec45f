/* Lists of checksums as they are found in the wild, and rubbish. */
#include <stdlib.h>

#include "fetch/sums.h"
#include "unit.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* The sum of "x.img" in a list, or why there is none. */
static const char *
find(const char *list)
{
	static char sum[65];
	static struct diag d;

	if (sums_find(list, strlen(list), "x.img", 64, sum, &d) == 0)
		return sum;
	return d.text;
}

TEST(what_sha256sum_writes_is_read)
{
	CHECK_STR(find(B "  y.img\n" A "  x.img\n"), A);
	CHECK_STR(find(A " *x.img\n" B "  x.img.gz"), A);
	CHECK_STR(find(A "  ./x.img\r\n"), A);
	CHECK_STR(find(A "  debian/12/x.img\n"), A);
	CHECK_STR(find("\\" A "  x.img\n"), A);
	CHECK_STR(find("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\tx.img"), A);
}

TEST(what_bsd_and_others_write_is_read)
{
	CHECK_STR(find("SHA256 (x.img) = " A "\n"), A);
	CHECK_STR(find("SHA256 (a (b) = c) = " B "\nSHA256 (x.img) = " A), A);
	CHECK_STR(find("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
	    "# x.img: 3 bytes\n" A "  x.img\n-----BEGIN PGP SIGNATURE-----\n"
	    "iQIzBAEBCgAdFiEE\n"), A);
}

TEST(a_list_of_one_sum_alone_is_the_files)
{
	CHECK_STR(find(A "\n"), A);
	CHECK_STR(find(A), A);
	CHECK(strstr(find(A "\n" B "\n"), "no sum of 64 digits") != NULL);
}

TEST(what_is_not_there_or_not_clear_is_said)
{
	CHECK_STR(find(""), "there is no sum of 64 digits for \"x.img\" in it");
	CHECK(strstr(find(A "  x.img.gz\n"), "no sum") != NULL);
	CHECK(strstr(find(A "  a x.img\n"), "no sum") != NULL);
	CHECK(strstr(find(A "a  x.img\n"), "no sum") != NULL);
	CHECK(strstr(find(A "  x.img\n" B "  old/x.img\n"), "more than one") !=
	    NULL);
	CHECK_STR(find(A "  x.img\n" A "  old/x.img\n"), A);
}

/* It must read rubbish without harm; what it finds is a sum. */
TEST(rubbish_is_survived)
{
	static const char *const parts[] = { A, B, "x.img", " ", "  ", "\n",
		"*", "\\", "(", ") = ", " (", "SHA256", "/", "\r", "\t", "\0z",
		"#", "\xff\xfe", "aaaa", "./" };
	char text[512], sum[65];
	unsigned seed = 20261122;

	for (int i = 0; i < 200000; i++) {
		size_t len = 0;

		while (len < 300 && rand_r(&seed) % 12 != 0) {
			const char *p = parts[rand_r(&seed) %
			    (sizeof(parts) / sizeof(*parts))];
			size_t n = p[0] == '\0' ? 2 : strlen(p);

			memcpy(text + len, p, n);
			len += n;
		}
		if (len > 0 && rand_r(&seed) % 3 == 0)
			text[rand_r(&seed) % len] = (char)rand_r(&seed);
		sum[0] = '\0';
		if (sums_find(text, len, "x.img", 64, sum, NULL) == 0)
			CHECK(strlen(sum) == 64 && strspn(sum,
			    "0123456789abcdef") == 64);
	}
}

int
main(void)
{
	RUN(what_sha256sum_writes_is_read);
	RUN(what_bsd_and_others_write_is_read);
	RUN(a_list_of_one_sum_alone_is_the_files);
	RUN(what_is_not_there_or_not_clear_is_said);
	RUN(rubbish_is_survived);
	return DONE();
}
