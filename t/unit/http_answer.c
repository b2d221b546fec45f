/* html, route, answer: what goes out, and which handler it comes from. */
#include "http/answer.h"

#include <stdlib.h>

#include "http/html.h"
#include "http/route.h"
#include "unit.h"

/* --- html ----------------------------------------------------------------- */

static char text[4096];

static const char *
escaped(const char *raw)
{
	FILE *out = fmemopen(text, sizeof(text), "w");

	html_text(out, raw);
	fputc('\0', out);
	fclose(out);
	return text;
}

TEST(nothing_in_a_text_is_markup)
{
	CHECK_STR(escaped("<a href=\"x\" id='y'>&amp;"),
	    "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;");
	CHECK_STR(escaped("gr\xc3\xb6\xc3\x9f" "e\n"), "gr\xc3\xb6\xc3\x9f" "e\n");
}

TEST(bytes_that_are_no_text_are_shown_as_such)
{
	CHECK_STR(escaped("a\xff" "b\xc3"),
	    "a\xef\xbf\xbd" "b\xef\xbf\xbd");
	CHECK_STR(escaped("\x01\x7f"), "\xef\xbf\xbd\xef\xbf\xbd");
	/* An incomplete character must not take the markup behind it along. */
	CHECK_STR(escaped("\xc3<"), "\xef\xbf\xbd&lt;");
}

/* --- routes --------------------------------------------------------------- */

static void
run(struct http *h)
{
	(void)h;
}

static const struct route table[] = {
	{ "GET", "/", WHO_ANYONE, BODY_NONE, run },
	{ "GET", "/exports", WHO_ANYONE, BODY_NONE, run },
	{ "POST", "/exports", WHO_ADMIN, BODY_JSON, run },
	{ "DELETE", "/exports/*", WHO_ADMIN, BODY_NONE, run },
	{ "GET", "/artifacts/*/*", WHO_ANYONE, BODY_NONE, run },
	{ 0 }
};

TEST(a_path_has_its_route)
{
	struct route_match m;

	CHECK(route_find(&m, table, "GET", "/") == 200);
	CHECK(m.route == &table[0]);
	CHECK(route_find(&m, table, "HEAD", "/exports") == 200);
	CHECK(m.route == &table[1]);
	CHECK(route_find(&m, table, "POST", "/exports") == 200);
	CHECK(m.route == &table[2]);
	CHECK(route_find(&m, table, "DELETE", "/exports/a b") == 200);
	CHECK_STR(m.args[0], "a b");
	CHECK(route_find(&m, table, "GET", "/artifacts/x/initrd") == 200);
	CHECK_STR(m.args[0], "x");
	CHECK_STR(m.args[1], "initrd");
}

TEST(a_path_without_one_is_not_found)
{
	static const char *const paths[] = { "", "x", "/export", "/exports/",
		"//", "/exports/a/b", "/artifacts/x", "/artifacts//x",
		"/EXPORTS", "/exports//" };
	struct route_match m;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		CHECK(route_find(&m, table, "GET", paths[i]) == 404);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		CHECK(route_find(&m, table, "DELETE", paths[i]) == 404);
}

TEST(another_method_is_told_which_there_are)
{
	struct route_match m;

	CHECK(route_find(&m, table, "PUT", "/exports") == 405);
	CHECK_STR(m.allow, "GET, HEAD, POST");
	CHECK(route_find(&m, table, "get", "/exports") == 405);
	CHECK(route_find(&m, table, "GET", "/exports/x") == 405);
	CHECK_STR(m.allow, "DELETE");
}

TEST(a_component_that_is_too_long_is_not_found)
{
	char path[ROUTE_ARG_SIZE + 32] = "/exports/";
	struct route_match m;

	memset(path + 9, 'a', ROUTE_ARG_SIZE - 1);
	CHECK(route_find(&m, table, "DELETE", path) == 200);
	path[9 + ROUTE_ARG_SIZE - 1] = 'a';
	CHECK(route_find(&m, table, "DELETE", path) == 404);
}

/* --- answers -------------------------------------------------------------- */

static const char *
sent(struct answer *a, bool head)
{
	FILE *to = fmemopen(text, sizeof(text), "w");

	CHECK(answer_send(a, to, head) == 0);
	fputc('\0', to);
	fclose(to);
	return text;
}

TEST(an_error_says_it_twice)
{
	struct answer a;

	answer_init(&a);
	fputs("something long that was begun and came to nothing", a.out);
	answer_error(&a, 400, "a \"b\"");
	CHECK(strstr(sent(&a, false), "\r\n\r\n{\"error\":\"a \\\"b\\\"\","
	    "\"detail\":\"a \\\"b\\\"\"}\n") != NULL);
	CHECK(strncmp(text, "Status: 400 Bad Request\r\n", 25) == 0);
	CHECK(strstr(text, "\r\nContent-Length: 39\r\n") != NULL);
	answer_free(&a);
}

TEST(each_answer_has_the_headers_that_protect)
{
	struct answer a;

	answer_init(&a);
	answer_redirect(&a, "/sub", "/ui/login");
	sent(&a, false);
	CHECK(strstr(text, "\r\nX-Content-Type-Options: nosniff\r\n") != NULL);
	CHECK(strstr(text, "\r\nCache-Control: no-store\r\n") != NULL);
	CHECK(strstr(text, "\r\nContent-Security-Policy: default-src 'none'")
	    != NULL);
	CHECK(strstr(text, "unsafe-inline") == NULL);
	CHECK(strstr(text, "\r\nLocation: /sub/ui/login\r\n") != NULL);
	answer_free(&a);
}

TEST(without_a_body_there_is_a_length_and_no_type)
{
	struct answer a;

	answer_init(&a);
	fputs("begun", a.out);
	answer_begin(&a, 404, NULL);
	sent(&a, false);
	CHECK(strstr(text, "\r\nContent-Length: 0\r\n") != NULL);
	CHECK(strstr(text, "Content-Type:") == NULL);
	CHECK(strcmp(text + strlen(text) - 4, "\r\n\r\n") == 0);
	answer_free(&a);
}

TEST(head_has_the_length_alone)
{
	struct answer a;

	answer_init(&a);
	fputs("hello", answer_begin(&a, 200, ANSWER_TEXT));
	sent(&a, true);
	CHECK(strstr(text, "\r\nContent-Length: 5\r\n") != NULL);
	CHECK(strstr(text, "hello") == NULL);
	answer_free(&a);
}

int
main(void)
{
	RUN(nothing_in_a_text_is_markup);
	RUN(bytes_that_are_no_text_are_shown_as_such);
	RUN(a_path_has_its_route);
	RUN(a_path_without_one_is_not_found);
	RUN(another_method_is_told_which_there_are);
	RUN(a_component_that_is_too_long_is_not_found);
	RUN(an_error_says_it_twice);
	RUN(each_answer_has_the_headers_that_protect);
	RUN(without_a_body_there_is_a_length_and_no_type);
	RUN(head_has_the_length_alone);
	return DONE();
}
