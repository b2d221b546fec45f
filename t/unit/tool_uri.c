/* uri: what clients are told is what reaches the export. */
#include "tool/uri.h"

#include <limits.h>
#include <unistd.h>

#include "unit.h"

static struct buf b;

static const char *
uri(const char *listen)
{
	buf_free(&b);
	buf_init(&b, 4096);
	return uri_format(&b, listen, "lab.example", "disk", false) == 0 ? b.data :
	    NULL;
}

static const char *
best(const char *listen)
{
	static char text[512];
	char host[HOST_NAME_MAX + 1] = "", *at;

	buf_free(&b);
	buf_init(&b, 4096);
	if (uri_best(&b, listen, "disk", false) != 0)
		return NULL;
	gethostname(host, sizeof(host) - 1);
	at = strstr(b.data, host);
	if (host[0] == '\0' || at == NULL)
		return b.data;
	snprintf(text, sizeof(text), "%.*sHOST%s", (int)(at - b.data), b.data,
	    at + strlen(host));
	return text;
}

TEST(the_default_port_is_left_out)
{
	CHECK_STR(uri("192.0.2.1:10809"), "nbd://192.0.2.1/disk");
	CHECK_STR(uri("192.0.2.1:10810"), "nbd://192.0.2.1:10810/disk");
}

TEST(wildcards_become_the_host_name)
{
	CHECK_STR(uri("0.0.0.0:10809"), "nbd://lab.example/disk");
	CHECK_STR(uri("[::]:1"), "nbd://lab.example:1/disk");
	CHECK_STR(uri("*:10809"), "nbd://lab.example/disk");
}

TEST(ipv6_addresses_stand_in_brackets)
{
	CHECK_STR(uri("[::1]:10809"), "nbd://[::1]/disk");
	CHECK_STR(uri("[2001:db8::1]:7"), "nbd://[2001:db8::1]:7/disk");
}

TEST(unix_sockets_are_a_parameter)
{
	CHECK_STR(uri("unix:/run/n.sock"),
	    "nbd+unix:///disk?socket=/run/n.sock");
	CHECK_STR(uri("unix:/a&b%c"), "nbd+unix:///disk?socket=/a%26b%25c");
}

TEST(an_abstract_socket_begins_with_a_nul)
{
	CHECK_STR(uri("unix:@nbd"), "nbd+unix:///disk?socket=%00nbd");
}

TEST(vsock_addresses_are_a_scheme_of_their_own)
{
	CHECK_STR(uri("vsock:10809"), "nbd+vsock://2/disk");
	CHECK_STR(uri("vsock:3:10810"), "nbd+vsock://3:10810/disk");
	CHECK(uri("systemd") == NULL);
}

/* RFC 3986, 3.3; what libnbd and urllib decode to the name. */
TEST(any_name_is_encoded)
{
	static const struct {
		const char *name, *path;
	} t[] = {
		{ "", "" },
		{ "hello world", "hello%20world" },
		{ "/disk", "%2Fdisk" },
		{ "100%", "100%25" },
		{ "a?b#c&d=e+f", "a%3Fb%23c%26d%3De%2Bf" },
		{ "größe", "gr%C3%B6%C3%9Fe" },
		{ "A-z_0.9~", "A-z_0.9~" },
	};
	char want[128];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_free(&b);
		buf_init(&b, 4096);
		CHECK(uri_format(&b, "192.0.2.1:10809", "", t[i].name, false)
		    == 0);
		snprintf(want, sizeof(want), "nbd://192.0.2.1/%s", t[i].path);
		CHECK_STR(b.data, want);
	}
}

TEST(whoever_must_encrypt_is_told_so)
{
	static const struct {
		const char *listen, *uri;
	} t[] = {
		{ "[::1]:10809", "nbds://[::1]/disk" },
		{ "unix:/s", "nbds+unix:///disk?socket=/s" },
		{ "vsock:3:1", "nbds+vsock://3:1/disk" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_free(&b);
		buf_init(&b, 4096);
		CHECK(uri_format(&b, t[i].listen, "", "disk", true) == 0);
		CHECK_STR(b.data, t[i].uri);
	}
}

TEST(the_address_that_most_clients_reach_is_told)
{
	CHECK_STR(best("unix:/s, 127.0.0.1:5, 192.0.2.1:6, [::]:7"),
	    "nbd://HOST:7/disk");
	CHECK_STR(best("unix:/s 127.0.0.1:5 192.0.2.1:6"),
	    "nbd://192.0.2.1:6/disk");
	CHECK_STR(best("unix:/s, [::1]:5, 127.0.0.1:5"), "nbd://[::1]:5/disk");
	CHECK_STR(best("vsock:1, unix:/s"), "nbd+unix:///disk?socket=/s");
	CHECK_STR(best("vsock:1"), "nbd+vsock://2:1/disk");
}

TEST(without_an_address_there_is_no_uri)
{
	CHECK(best(NULL) == NULL);
	CHECK(best("") == NULL);
	CHECK(best("nonsense") == NULL);
}

/* The line of nbd-client, or NULL. */
static const char *
line(const char *listen, bool secure)
{
	buf_free(&b);
	buf_init(&b, 4096);
	return uri_nbd_client(&b, listen, "HOST", "disk", secure) == 0 ?
	    b.data : NULL;
}

TEST(nbd_client_is_told_host_port_device_and_name)
{
	CHECK_STR(line("unix:/s, [::]:10809", false),
	    "nbd-client HOST 10809 /dev/nbd0 -N disk");
	CHECK_STR(line("[2001:db8::1]:7", true),
	    "nbd-client 2001:db8::1 7 /dev/nbd0 -N disk -x");
	CHECK_STR(line("unix:/run/nbd.sock", false),
	    "nbd-client -unix /run/nbd.sock /dev/nbd0 -N disk");
}

TEST(where_nbd_client_cannot_go_there_is_no_line)
{
	CHECK(line("vsock:1", false) == NULL);
	CHECK(line("unix:@abstract", false) == NULL);
	CHECK(line("unix:/run/a;b", false) == NULL);
	CHECK(line("", false) == NULL);
	CHECK(line(NULL, false) == NULL);
}

int
main(void)
{
	RUN(the_default_port_is_left_out);
	RUN(wildcards_become_the_host_name);
	RUN(ipv6_addresses_stand_in_brackets);
	RUN(unix_sockets_are_a_parameter);
	RUN(an_abstract_socket_begins_with_a_nul);
	RUN(vsock_addresses_are_a_scheme_of_their_own);
	RUN(any_name_is_encoded);
	RUN(whoever_must_encrypt_is_told_so);
	RUN(the_address_that_most_clients_reach_is_told);
	RUN(without_an_address_there_is_no_uri);
	RUN(nbd_client_is_told_host_port_device_and_name);
	RUN(where_nbd_client_cannot_go_there_is_no_line);
	buf_free(&b);
	return DONE();
}
