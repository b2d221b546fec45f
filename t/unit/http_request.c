/* request, form, jsonbody: what comes in, as it is and as it should not be. */
#include "http/request.h"

#include <stdlib.h>
#include <unistd.h>

#include "http/form.h"
#include "http/jsonbody.h"
#include "unit.h"

/* Read a body that says it is length long. */
static int
body(const char *length, const char *text, unsigned *status)
{
	struct request r;
	struct diag d;
	int fds[2], rc;

	setenv("CONTENT_LENGTH", length, 1);
	CHECK(pipe(fds) == 0);
	CHECK(write(fds[1], text, strlen(text)) == (ssize_t)strlen(text));
	close(fds[1]);
	request_init(&r);
	*status = 0;
	rc = request_read(&r, fds[0], status, &d);
	if (rc == 0 && r.body.len > 0)
		CHECK(strncmp(r.body.data, text, r.body.len) == 0);
	close(fds[0]);
	request_free(&r);
	return rc;
}

TEST(a_body_is_as_long_as_it_says)
{
	unsigned status;

	CHECK(body("5", "hello", &status) == 0);
	CHECK(body("3", "hello", &status) == 0);
	CHECK(body("", "hello", &status) == 0);
	CHECK(body("0", "", &status) == 0);
	CHECK(body("6", "hello", &status) == -1 && status == 400);
}

TEST(a_length_that_is_none_or_too_much_is_refused)
{
	static const char *const none[] = { "-1", "x", "5x", " 5", "+5" };
	unsigned status;

	for (size_t i = 0; i < 5; i++)
		CHECK(body(none[i], "hello", &status) == -1 && status == 400);
	CHECK(body("65537", "hello", &status) == -1 && status == 413);
	CHECK(body("99999999999999999999999", "", &status) == -1 &&
	    status == 413);
}

static bool
origin(const char *value, const char *site, const char *host)
{
	struct request r;

	setenv("HTTP_ORIGIN", value, 1);
	setenv("HTTP_SEC_FETCH_SITE", site, 1);
	setenv("HTTP_HOST", host, 1);
	request_init(&r);
	request_free(&r);
	return request_same_origin(&r);
}

TEST(pages_of_other_sites_are_told_from_ours)
{
	CHECK(origin("", "", "lab:8082"));
	CHECK(origin("http://lab:8082", "", "lab:8082"));
	CHECK(origin("https://LAB", "same-origin", "lab"));
	CHECK(!origin("http://lab", "", "lab:8082"));
	CHECK(!origin("http://evil", "", "lab"));
	CHECK(!origin("null", "", "lab"));
	CHECK(!origin("http://lab", "", ""));
	CHECK(!origin("", "cross-site", "lab"));
	CHECK(!origin("http://lab", "same-site", "lab"));
}

TEST(a_host_has_nothing_in_it_that_could_break_out)
{
	static const char *const good[] = { "lab", "lab.example:8082",
		"192.0.2.1", "[::1]", "[2001:db8::1]:80" };
	static const char *const bad[] = { "", "a b", "a/b", "a:", "a:x",
		"<a>", "a\n", "[::1", "[]", "::1", "a@b", "\"", "[::1]x" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CHECK(request_host_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(!request_host_valid(bad[i]));
}

TEST(the_host_is_known_without_its_port)
{
	static const char *const t[][2] = { { "lab:80", "lab" },
		{ "lab", "lab" }, { "[::1]:80", "::1" }, { "[::1]", "::1" },
		{ "a b", "" } };
	struct request r;
	char name[64];

	for (size_t i = 0; i < 5; i++) {
		setenv("HTTP_HOST", t[i][0], 1);
		request_init(&r);
		CHECK_STR(request_hostname(&r, name, sizeof(name)), t[i][1]);
		request_free(&r);
	}
}

TEST(a_type_may_have_parameters)
{
	struct request r = { .type = "application/json; charset=utf-8" };

	CHECK(request_is(&r, "application/json"));
	r.type = "Application/JSON";
	CHECK(request_is(&r, "application/json"));
	r.type = "application/jsonx";
	CHECK(!request_is(&r, "application/json"));
	r.type = "";
	CHECK(!request_is(&r, "application/json"));
}

TEST(a_cookie_is_found_among_others)
{
	char v[8];

	CHECK(request_cookie("a=1; tok=xyz; b=2", "tok", v, sizeof(v)));
	CHECK_STR(v, "xyz");
	CHECK(request_cookie("tok=", "tok", v, sizeof(v)));
	CHECK_STR(v, "");
	CHECK(request_cookie(";;; tok=q", "tok", v, sizeof(v)));
	CHECK(!request_cookie("xtok=1; tokx=2; tok", "tok", v, sizeof(v)));
	CHECK(!request_cookie("tok=12345678", "tok", v, sizeof(v)));
	CHECK(!request_cookie("", "tok", v, sizeof(v)));
}

/* --- forms ---------------------------------------------------------------- */

static struct form f;
static struct diag d;

static int
form(const char *text)
{
	form_free(&f);
	return form_parse(&f, text, strlen(text), &d);
}

TEST(a_form_is_decoded)
{
	CHECK(form("a=1&b=x+y%20%2f&c&d=&=e&&f=g=h") == 0);
	CHECK_STR(form_get(&f, "a"), "1");
	CHECK_STR(form_get(&f, "b"), "x y /");
	CHECK_STR(form_get(&f, "c"), "");
	CHECK_STR(form_get(&f, "d"), "");
	CHECK_STR(form_get(&f, "f"), "g=h");
	CHECK(form_get(&f, "g") == NULL);
	CHECK(form("a=%C3%A4&a=2") == 0);
	CHECK_STR(form_get(&f, "a"), "\xc3\xa4");
	CHECK(form("") == 0 && f.count == 0);
}

TEST(a_form_with_rubbish_is_refused)
{
	static const char *const bad[] = { "a=%", "a=%4", "a=%zz", "%x=1",
		"a=%00", "%00=a", "a=%ff", "a=\xc3", "\xff=1" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(form(bad[i]) == -1);
	form_free(&f);
	CHECK(form_parse(&f, "a=1\0b", 5, &d) == -1);
}

TEST(a_form_has_a_bound)
{
	char text[2 * FORM_FIELDS + 8] = "";

	for (size_t i = 0; i < FORM_FIELDS; i++)
		strcat(text, "a&");
	CHECK(form(text) == 0);
	strcat(text, "b");
	CHECK(form(text) == -1);
	form_free(&f);
}

/* --- JSON ----------------------------------------------------------------- */

static const struct jsonbody_field fields[] = { { "name", false },
	{ "readonly", true }, { NULL, false } };

static int
json(const char *text)
{
	form_free(&f);
	return jsonbody_parse(&f, text, strlen(text), fields, &d);
}

TEST(an_object_has_the_members_that_were_asked_for)
{
	CHECK(json("{\"name\": \"a\\u00e4\", \"readonly\": false, "
	    "\"more\": [1, {}]}") == 0);
	CHECK_STR(form_get(&f, "name"), "a\xc3\xa4");
	CHECK_STR(form_get(&f, "readonly"), "no");
	CHECK(form_get(&f, "more") == NULL);
	CHECK(json("{\"name\": null, \"readonly\": true}") == 0);
	CHECK(form_get(&f, "name") == NULL);
	CHECK_STR(form_get(&f, "readonly"), "yes");
	CHECK(json("{}") == 0 && f.count == 0);
	form_free(&f);
}

TEST(what_is_no_such_object_is_refused)
{
	static const char *const bad[] = { "", "x", "[]", "\"a\"", "1", "null",
		"{", "{}x", "{\"name\": 1}", "{\"name\": [\"a\"]}",
		"{\"readonly\": \"yes\"}", "{\"readonly\": 1}",
		"{\"name\": \"a\", \"name\": \"b\"}", "{\"name\": \"\xff\"}",
		"{\"name\": \"a\\u0000b\"}", "{'name': 'a'}", "{\"name\":}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(json(bad[i]) == -1 && d.text[0] != '\0');
	form_free(&f);
}

TEST(nesting_without_end_is_no_danger)
{
	char deep[60001];

	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	CHECK(json(deep) == -1);
	form_free(&f);
}

int
main(void)
{
	RUN(a_body_is_as_long_as_it_says);
	RUN(a_length_that_is_none_or_too_much_is_refused);
	RUN(pages_of_other_sites_are_told_from_ours);
	RUN(a_host_has_nothing_in_it_that_could_break_out);
	RUN(the_host_is_known_without_its_port);
	RUN(a_type_may_have_parameters);
	RUN(a_cookie_is_found_among_others);
	RUN(a_form_is_decoded);
	RUN(a_form_with_rubbish_is_refused);
	RUN(a_form_has_a_bound);
	RUN(an_object_has_the_members_that_were_asked_for);
	RUN(what_is_no_such_object_is_refused);
	RUN(nesting_without_end_is_no_danger);
	return DONE();
}
