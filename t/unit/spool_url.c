/* Addresses: what can be fetched, and what begins like what is allowed. */
#include "spool/url.h"
#include "unit.h"

static const char *
refused(const char *url)
{
	static struct diag d;

	strcpy(d.text, "NOT REFUSED");
	url_check(url, &d);
	return d.text;
}

TEST(http_and_https_are_fetched)
{
	CHECK_STR(refused("http://host/a.img"), "NOT REFUSED");
	CHECK_STR(refused("HTTPS://host:8443/a%20b.img?x=1&y=2"),
	    "NOT REFUSED");
	CHECK_STR(refused("http://[::1]:80/a"), "NOT REFUSED");
	CHECK_STR(refused("https://host"), "NOT REFUSED");
	CHECK_STR(refused("oras://ghcr.example/a/b:2026"), "NOT REFUSED");
	CHECK(url_direct("https://h/") && url_direct("HTTP://h/"));
	CHECK(url_check_cache("http://h:80/x", NULL) == 0);
	CHECK(url_check_cache("oras://h/x", NULL) == -1);
	CHECK(url_is("oras://h/") && !url_direct("oras://h/"));
}

TEST(all_else_is_refused_with_what_would_be_right)
{
	static const char *const bad[] = { "", "a", "/a", "ftp://h/a",
		"file:///a", "http:/h/a", "http://", "http:///a", "http://:80/",
		"http://h:0/", "http://h:65536/", "http://h:x/", "http://h:8o/",
		"http://u@h/", "http://u:p@h/a", "http://h/a b", "http://h/\n",
		"http://h/\xc3\xa4", "http://h/\"", "http://h/a#b",
		"http://[::1/", "http://[::1]x/", "http://*.h/a",
		"http://h\\@i/", "http://h%2f.example.org/", "http://%68/" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct diag d;

		if (url_check(bad[i], &d) != -1)
			printf("# %s is not refused\n", bad[i]);
		CHECK(url_check(bad[i], &d) == -1);
	}
	CHECK(strstr(refused("ftp://h/a"), "https:// or http://") != NULL);
	CHECK(strstr(refused("http://u:p@h/a"), "netrc") != NULL);
}

TEST(what_is_allowed_begins_alike_up_to_a_whole_component)
{
	const char *list = "https://images.example.org/debian, "
	    "http://*.lab.example.org:8080/, https://all.example.org";

	CHECK(url_allowed(list, "https://images.example.org/debian"));
	CHECK(url_allowed(list, "https://IMAGES.example.org/debian/12.img"));
	CHECK(url_allowed(list, "https://images.example.org:443/debian?x"));
	CHECK(url_allowed(list, "http://a.lab.example.org:8080/x"));
	CHECK(url_allowed(list, "http://a.b.lab.example.org:8080/x/../y"));
	CHECK(url_allowed(list, "https://all.example.org/"));
	CHECK(!url_allowed(list, "https://images.example.org/debian12"));
	CHECK(!url_allowed(list, "https://images.example.org/"));
	CHECK(!url_allowed(list, "http://images.example.org/debian/x"));
	CHECK(!url_allowed(list, "https://images.example.org:444/debian/x"));
	CHECK(!url_allowed(list, "https://images.example.org.evil/debian/x"));
	CHECK(!url_allowed(list, "https://evil/debian/x"));
	CHECK(!url_allowed(list, "https://images.example.org@evil/debian/x"));
	CHECK(!url_allowed(list, "http://lab.example.org:8080/x"));
	CHECK(!url_allowed(list, "http://xlab.example.org:8080/x"));
	CHECK(!url_allowed(NULL, "https://images.example.org/debian"));
	CHECK(!url_allowed(list, "oras://images.example.org/debian"));
	CHECK(url_allowed("oras://ghcr.example/a", "oras://ghcr.example/a/b:1"));
	CHECK(!url_allowed("oras://ghcr.example/a", "https://ghcr.example/a/b"));
}

TEST(a_way_out_of_the_prefix_is_not_allowed)
{
	const char *list = "https://h/a/";

	CHECK(url_allowed(list, "https://h/a/b..c/.d"));
	CHECK(!url_allowed(list, "https://h/a/../b"));
	CHECK(!url_allowed(list, "https://h/a/.."));
	CHECK(!url_allowed(list, "https://h/a/..?x"));
	CHECK(!url_allowed(list, "https://h/a/%2E%2e/b"));
	CHECK(!url_allowed(list, "https://h/a/.%2e/b"));
	CHECK(!url_allowed(list, "https://h/a/..%2fb"));
	CHECK(!url_allowed(list, "https://h/a/..%5cb"));
	CHECK(!url_allowed(list, "https://h/a/..;/b"));
}

TEST(only_a_source_that_a_stranger_can_have_named_is_held)
{
	const char *list = "https://h/a/";

	CHECK(url_hold(list, "https://h/a/b") == list);
	CHECK(url_hold(list, "https://h/b") == NULL);
	CHECK(url_hold(NULL, "https://h/a/b") == NULL);
}

int
main(void)
{
	RUN(http_and_https_are_fetched);
	RUN(all_else_is_refused_with_what_would_be_right);
	RUN(what_is_allowed_begins_alike_up_to_a_whole_component);
	RUN(a_way_out_of_the_prefix_is_not_allowed);
	RUN(only_a_source_that_a_stranger_can_have_named_is_held);
	return DONE();
}
