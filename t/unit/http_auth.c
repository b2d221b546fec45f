/* token, guard, secret: who is known, and how often one may guess. */
#include "http/guard.h"

#include <sys/stat.h>
#include <sys/time.h>

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "http/secret.h"
#include "http/token.h"
#include "unit.h"

static struct diag d;
static int dirfd_;

/* --- tokens --------------------------------------------------------------- */

TEST(a_token_is_valid_until_its_time_is_over)
{
	unsigned char key[TOKEN_KEY];
	char token[TOKEN_SIZE];

	token_key(key, "secret", 6, "password");
	token_make(token, key, 1000);
	CHECK(token_valid(token, key, 999));
	CHECK(!token_valid(token, key, 1000));
	CHECK(!token_valid(token, key, 5000));
}

TEST(another_secret_or_password_makes_it_worthless)
{
	unsigned char key[TOKEN_KEY], other[TOKEN_KEY];
	char token[TOKEN_SIZE];

	token_key(key, "secret", 6, "password");
	token_make(token, key, 1000);
	token_key(other, "Secret", 6, "password");
	CHECK(!token_valid(token, other, 1));
	token_key(other, "secret", 6, "passwore");
	CHECK(!token_valid(token, other, 1));
}

TEST(a_token_that_was_changed_is_none)
{
	unsigned char key[TOKEN_KEY];
	char token[TOKEN_SIZE], bad[TOKEN_SIZE];

	token_key(key, "secret", 6, "password");
	token_make(token, key, 1000);
	for (size_t i = 0; token[i] != '\0'; i++) {
		memcpy(bad, token, sizeof(bad));
		bad[i] = bad[i] == '9' ? '8' : '9';
		CHECK(!token_valid(bad, key, 1));
		bad[i] = '\0';
		CHECK(!token_valid(bad, key, 1));
	}
	CHECK(!token_valid("", key, 1));
	CHECK(!token_valid("1.", key, 1));
	CHECK(!token_valid("1..", key, 1));
	CHECK(!token_valid("1.99999999999999999999999999.00", key, 1));
}

TEST(texts_are_compared_whole)
{
	CHECK(token_equal("abc", "abc"));
	CHECK(token_equal("", ""));
	CHECK(!token_equal("abc", "abcd"));
	CHECK(!token_equal("abc", "ab"));
	CHECK(!token_equal("abc", "abC"));
}

/* --- guessing ------------------------------------------------------------- */

static int
attempt(const char *address, bool right)
{
	struct guard g;
	int wait = guard_begin(&g, dirfd_, address, &d);

	if (wait == 0 && right)
		guard_pass(&g);
	else if (wait == 0)
		CHECK(guard_fail(&g, &d) == 0);
	guard_end(&g);
	return wait;
}

TEST(the_delay_doubles_up_to_a_limit)
{
	CHECK(guard_delay(0) == 0);
	CHECK(guard_delay(GUARD_FREE - 1) == 0);
	CHECK(guard_delay(GUARD_FREE) == 1);
	CHECK(guard_delay(GUARD_FREE + 1) == 2);
	CHECK(guard_delay(GUARD_FREE + 4) == 16);
	CHECK(guard_delay(1000000) == GUARD_MOST);
}

TEST(one_address_slows_down_and_others_do_not)
{
	for (int i = 0; i < GUARD_FREE; i++)
		CHECK(attempt("192.0.2.1", false) == 0);
	CHECK(attempt("192.0.2.1", true) > 0);
	CHECK(attempt("192.0.2.2", true) == 0);
}

TEST(a_right_password_ends_it)
{
	for (int round = 0; round < 3; round++) {
		CHECK(attempt("192.0.2.3", false) == 0);
		CHECK(attempt("192.0.2.3", false) == 0);
		CHECK(attempt("192.0.2.3", true) == 0);
	}
}

TEST(what_is_long_ago_is_forgotten)
{
	struct timespec old[2] = { { .tv_sec = time(NULL) - GUARD_FORGET - 9 },
		{ .tv_sec = time(NULL) - GUARD_FORGET - 9 } };
	char name[GUARD_NAME_SIZE];

	for (int i = 0; i < GUARD_FREE; i++)
		CHECK(attempt("192.0.2.4", false) == 0);
	CHECK(attempt("192.0.2.4", true) > 0);
	guard_name(name, "192.0.2.4");
	CHECK(utimensat(dirfd_, name, old, 0) == 0);
	CHECK(attempt("192.0.2.4", false) == 0);
	CHECK(utimensat(dirfd_, name, old, 0) == 0);
	CHECK(attempt("192.0.2.5", false) == 0);
	CHECK(faccessat(dirfd_, name, F_OK, 0) != 0);
}

TEST(an_address_is_a_file_name)
{
	char a[GUARD_NAME_SIZE], b[GUARD_NAME_SIZE];

	guard_name(a, "../../etc/passwd");
	CHECK(strchr(a, '/') == NULL);
	guard_name(a, "2001:db8:1:2:3::4");
	guard_name(b, "2001:db8:1:2:ffff::9");
	CHECK_STR(a, b);
	guard_name(b, "2001:db8:1:3::4");
	CHECK(strcmp(a, b) != 0);
	guard_name(a, "::ffff:192.0.2.1");
	guard_name(b, "::ffff:192.0.2.2");
	CHECK(strcmp(a, b) != 0);
}

TEST(without_a_place_to_count_it_is_said)
{
	struct guard g;

	CHECK(guard_begin(&g, -1, "192.0.2.1", &d) == -1);
	CHECK(guard_fail(&g, &d) == -1);
	guard_pass(&g);
	guard_end(&g);
}

/* --- the secret ----------------------------------------------------------- */

TEST(a_secret_is_made_once)
{
	struct buf a, b;
	struct stat st;

	buf_init(&a, 1024);
	buf_init(&b, 1024);
	CHECK(secret_get(dirfd_, NULL, &a, &d) == 0);
	CHECK(secret_get(dirfd_, NULL, &b, &d) == 0);
	CHECK(a.len >= 64 && a.len == b.len);
	CHECK_STR(a.data, b.data);
	CHECK(fstatat(dirfd_, SECRET_FILE, &st, 0) == 0);
	CHECK((st.st_mode & 0777) == 0600);
	buf_free(&a);
	buf_free(&b);
}

TEST(one_that_others_can_read_is_none)
{
	struct buf b;

	buf_init(&b, 1024);
	CHECK(fchmodat(dirfd_, SECRET_FILE, 0644, 0) == 0);
	CHECK(secret_get(dirfd_, NULL, &b, &d) == -1);
	CHECK(strstr(d.text, "0600") != NULL);
	CHECK(unlinkat(dirfd_, SECRET_FILE, 0) == 0);
	CHECK(secret_get(dirfd_, NULL, &b, &d) == 0);
	CHECK(unlinkat(dirfd_, SECRET_FILE, 0) == 0);
	buf_free(&b);
}

TEST(a_pinned_one_wins)
{
	struct diag why = { "the directory is locked" };
	struct buf b;

	buf_init(&b, 1024);
	setenv("NBDMUX_SESSION_SECRET", "0123456789abcdef", 1);
	CHECK(secret_get(-1, &why, &b, &d) == 0);
	CHECK_STR(b.data, "0123456789abcdef");
	setenv("NBDMUX_SESSION_SECRET", "short", 1);
	CHECK(secret_get(-1, &why, &b, &d) == -1);
	unsetenv("NBDMUX_SESSION_SECRET");
	CHECK(secret_get(-1, &why, &b, &d) == -1);
	CHECK(strstr(d.text, why.text) != NULL);
	buf_free(&b);
}

int
main(void)
{
	char dir[] = "http-auth.XXXXXX";

	unsetenv("NBDMUX_SESSION_SECRET");
	if (mkdtemp(dir) == NULL)
		return 1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
	RUN(a_token_is_valid_until_its_time_is_over);
	RUN(another_secret_or_password_makes_it_worthless);
	RUN(a_token_that_was_changed_is_none);
	RUN(texts_are_compared_whole);
	RUN(the_delay_doubles_up_to_a_limit);
	RUN(one_address_slows_down_and_others_do_not);
	RUN(a_right_password_ends_it);
	RUN(what_is_long_ago_is_forgotten);
	RUN(an_address_is_a_file_name);
	RUN(without_a_place_to_count_it_is_said);
	RUN(a_secret_is_made_once);
	RUN(one_that_others_can_read_is_none);
	RUN(a_pinned_one_wins);
	for (int i = 1; i < 6; i++) {
		char name[64];

		snprintf(name, sizeof(name), "failed-192.0.2.%d", i);
		unlinkat(dirfd_, name, 0);
	}
	close(dirfd_);
	return rmdir(dir) != 0 || DONE();
}
