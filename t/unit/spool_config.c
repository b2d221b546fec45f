/* The configuration: defaults, limits, listen addresses. */
#include <stdlib.h>

#include "base/log.h"
#include "spool/config.h"
#include "spool_dir.h"
#include "unit.h"

/* What reading and checking these lines says; "" when they are right. */
static const char *
verdict(const char *lines)
{
	static struct diag d;
	char text[4096], file[PATH_MAX + 16];
	struct config c = { 0 };
	struct dir dir;

	dir_make(&dir);
	snprintf(text, sizeof(text), "[nbdmuxd]\n%s\n", lines);
	dir_put(&dir, "conf", text);
	snprintf(file, sizeof(file), "%s/conf", dir.path);
	config_init(&c);
	d.text[0] = '\0';
	if (config_read(&c, file, true, &d) == 0)
		config_check(&c, &d);
	config_clear(&c);
	dir_remove(&dir);
	return d.text;
}

static void
check_verdict(const char *lines, const char *why)
{
	const char *got = verdict(lines);

	if (strstr(got, why) == NULL || (why[0] == '\0' && got[0] != '\0')) {
		printf("# %s: \"%s\", not \"%s\"\n", lines, got, why);
		unit_bad++;
	}
}

TEST(the_defaults_are_right_and_complete)
{
	struct config c = { 0 };
	struct diag d;

	config_init(&c);
	CHECK_STR(c.listen, "[::]:10809, 0.0.0.0:10809");
	CHECK_STR(c.user, "nbdmux");
	CHECK(c.group == NULL && c.image_dirs == NULL);
	CHECK(c.data_dir == NULL);
	CHECK(c.default_export == NULL);
	CHECK(c.probe && c.listing && c.no_zeroes);
	CHECK(c.threads == 0 && c.workers == 16 && c.rescan == 10);
	CHECK(c.max_connections == 10000 && c.max_per_address == 10000);
	CHECK(c.max_requests == 128 && c.max_queued == 1 << 20);
	CHECK(c.max_memory == 256 << 20);
	CHECK(c.max_options == 64 && c.max_handshake == 128 << 10);
	CHECK(c.handshake_timeout == 10 && c.keepalive == 60);
	CHECK(c.drain_timeout == 10);
	CHECK(c.log == CONFIG_LOG_STDERR && c.log_level == LEVEL_INFO);
	CHECK(config_check(&c, &d) == 0);
	config_clear(&c);
	CHECK(c.listen == NULL);
	config_clear(&c);
}

TEST(every_key_has_help_and_a_member_of_its_own)
{
	for (const struct key *k = config_keys; k->name != NULL; k++) {
		CHECK(k->help != NULL && k->help[0] != '\0');
		CHECK(k->arg != NULL);
		for (const struct key *l = config_keys; l != k; l++)
			CHECK(k->offset != l->offset);
	}
}

TEST(a_missing_file_means_the_defaults_unless_it_was_named)
{
	struct config c = { 0 };
	struct diag d;

	config_init(&c);
	CHECK(config_read(&c, "/nonexistent/nbdmuxd.conf", false, &d) == 0);
	CHECK_STR(c.user, "nbdmux");
	CHECK(config_read(&c, "/nonexistent/nbdmuxd.conf", true, &d) == -1);
	CHECK_STR(d.text, "cannot read /nonexistent/nbdmuxd.conf: "
	    "No such file or directory");
	config_clear(&c);
}

TEST(a_file_is_read_over_the_defaults)
{
	struct config c = { 0 };
	struct dir dir;
	struct diag d;
	char file[PATH_MAX + 16];

	dir_make(&dir);
	dir_put(&dir, "conf", "[nbdmuxd]\nlisten = 127.0.0.1:0 unix:/s\n"
	    "probe = no\nkeepalive = 2m\nmax-memory = 1G\nlog = syslog\n"
	    "image-dirs = /srv, /images\ndefault-export = a.b-c_d\n"
	    "user = root\ngroup = disk\nlog-level = debug\n");
	snprintf(file, sizeof(file), "%s/conf", dir.path);
	config_init(&c);
	CHECK(config_read(&c, file, true, &d) == 0);
	CHECK(config_check(&c, &d) == 0);
	CHECK_STR(c.listen, "127.0.0.1:0, unix:/s");
	CHECK(!c.probe && c.listing);
	CHECK(c.keepalive == 120 && c.max_memory == 1 << 30);
	CHECK(c.log == CONFIG_LOG_SYSLOG && c.log_level == LEVEL_DEBUG);
	CHECK_STR(c.image_dirs, "/srv, /images");
	CHECK_STR(c.default_export, "a.b-c_d");
	CHECK_STR(c.group, "disk");
	config_clear(&c);
	dir_remove(&dir);
}

TEST(wrong_values_say_file_line_and_what_would_be_right)
{
	check_verdict("lisen = 1", "/conf:2: unknown key \"lisen\"; did you "
	    "mean \"listen\"?");
	check_verdict("listen = localhost:10809", "/conf:2: \"listen\": "
	    "\"localhost:10809\": \"localhost\" is not a numeric address; "
	    "write for example 127.0.0.1:10809 or [::1]:10809");
	check_verdict("listen =", "\"listen\": there is no address");
	check_verdict("listen = *:1, *:1", "\"*:1\" stands there twice");
	check_verdict("listen = unix:/a, unix:/a", "stands there twice");
	check_verdict("listen = [::1]:0, [::1]:0, [::1]:1, 127.0.0.1:1", "");
	check_verdict("user =", "\"user\": there is no name");
	check_verdict("image-dirs = /srv, images", "\"images\" is not an "
	    "absolute path");
	check_verdict("default-export = .hidden", "must begin with a letter");
	check_verdict("tls = yes", "\"tls\": \"yes\" is not known; write off, "
	    "on or required");
	check_verdict("tls = on", "\"tls\" is on, and there is nothing to "
	    "prove who we are");
	check_verdict("tls-key = /k", "\"tls-key\" is of no use without "
	    "\"tls-certificate\"");
	check_verdict("tls-certificate = c\ntls-key = /k", "\"c\" is not an "
	    "absolute path");
	check_verdict("tls = on\ntls-psk-file = /p", "");
	check_verdict("tls = required\ntls-certificate = /c\ntls-key = /k", "");
	check_verdict("tls = on\ntls-certificate = /c\ntls-key = /k\n"
	    "tls-ca = /a", "\"tls-ca\" is there, but \"tls-verify\" is no");
	check_verdict("tls = on\ntls-certificate = /c\ntls-key = /k\n"
	    "tls-verify = optional", "\"tls-verify\" needs \"tls-ca\"");
	check_verdict("tls = on\ntls-psk-file = /p\ntls-ca = /a\n"
	    "tls-verify = required", "\"tls-verify\" needs "
	    "\"tls-certificate\"");
	check_verdict("threads = 257", "/conf:2: \"threads\"");
	check_verdict("workers = 0", "/conf:2: \"workers\"");
	check_verdict("rescan = 0", "/conf:2: \"rescan\"");
	check_verdict("keepalive = 4", "/conf:2: \"keepalive\"");
	check_verdict("max-connections = 0", "/conf:2: \"max-connections\"");
	check_verdict("max-queued = 1k", "/conf:2: \"max-queued\"");
	check_verdict("max-memory = 1k", "/conf:2: \"max-memory\"");
	check_verdict("max-requests = 5000", "/conf:2: \"max-requests\"");
	check_verdict("max-memory = 1M\nmax-queued = 2M", "\"max-queued\" "
	    "(2097152) is more than \"max-memory\" (1048576)");
	check_verdict("log = file", "\"log\"");
	check_verdict("probe = maybe", "\"probe\"");
}

/* --- listen addresses ------------------------------------------------------ */

TEST(listen_addresses_are_read)
{
	static const struct {
		const char *text, *host;
		unsigned port;
	} t[] = {
		{ "10809", "", 10809 },
		{ "0", "", 0 },
		{ "65535", "", 65535 },
		{ "*:1", "", 1 },
		{ "127.0.0.1:10809", "127.0.0.1", 10809 },
		{ "0.0.0.0:0", "0.0.0.0", 0 },
		{ "[::]:10809", "::", 10809 },
		{ "[2001:db8::1]:80", "2001:db8::1", 80 },
		{ "[::ffff:192.0.2.1]:80", "::ffff:192.0.2.1", 80 },
	};
	struct listen_addr a;
	struct diag d;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		CHECK(config_listen(&a, t[i].text, &d) == 0);
		CHECK(a.kind == LISTEN_TCP && a.path[0] == '\0');
		CHECK_STR(a.host, t[i].host);
		CHECK(a.port == t[i].port);
	}
	CHECK(config_listen(&a, "unix:/run/x.sock", &d) == 0);
	CHECK(a.kind == LISTEN_UNIX && a.host[0] == '\0');
	CHECK_STR(a.path, "/run/x.sock");
	CHECK(config_listen(&a, "unix:@name", &d) == 0);
	CHECK(a.kind == LISTEN_UNIX);
	CHECK_STR(a.path, "@name");
	CHECK(config_listen(&a, "vsock:4294967294", &d) == 0);
	CHECK(a.kind == LISTEN_VSOCK && a.cid == LISTEN_CID_ANY &&
	    a.port == 4294967294u);
	CHECK(config_listen(&a, "vsock:2:10809", &d) == 0);
	CHECK(a.kind == LISTEN_VSOCK && a.cid == 2 && a.port == 10809);
	CHECK(config_listen(&a, "systemd", &d) == 0);
	CHECK(a.kind == LISTEN_SYSTEMD && a.path[0] == '\0');
	CHECK(config_listen(&a, "systemd:lab", &d) == 0);
	CHECK(a.kind == LISTEN_SYSTEMD && a.port == 0);
	CHECK_STR(a.path, "lab");
}

TEST(wrong_listen_addresses_say_what_would_be_right)
{
	static const struct {
		const char *text, *why;
	} t[] = {
		{ "", "is neither a port nor an address" },
		{ "65536", "a number from 0 to 65535" },
		{ "100000000000000000000", "a number from 0 to 65535" },
		{ "127.0.0.1", "has no port; write 127.0.0.1:10809" },
		{ "127.0.0.1:", "a number from 0 to 65535" },
		{ "127.0.0.1:+1", "a number from 0 to 65535" },
		{ "127.0.0.1:1x", "a number from 0 to 65535" },
		{ "127.0.0.1:65536", "a number from 0 to 65535" },
		{ "*", "has no port; write *:10809" },
		{ "::1", "write [::1]:10809" },
		{ "::", "write [::]:10809" },
		{ "[::1]", "has no port; write [::1]:10809" },
		{ "[::1", "is not [IPv6]:PORT" },
		{ "[127.0.0.1]:1", "is not [IPv6]:PORT" },
		{ "[fe80::1%eth0]:1", "is not [IPv6]:PORT" },
		{ "[]:1", "is not [IPv6]:PORT" },
		{ "[::1]1", "has no port" },
		{ "eth0", "is neither a port nor an address" },
		{ "eth0:10809", "\"eth0\" is not a numeric address" },
		{ "010.0.0.1:1", "is not a numeric address" },
		{ ":10809", "\"\" is not a numeric address" },
		{ "fe80::1%eth0:1", "is not a numeric address" },
		{ "unix:", "write unix:/absolute/path" },
		{ "unix:run/x", "write unix:/absolute/path" },
		{ "unix:@", "write unix:/absolute/path" },
		{ "vsock:", "write vsock:PORT or vsock:CID:PORT" },
		{ "vsock::1", "write vsock:PORT or vsock:CID:PORT" },
		{ "vsock:1:", "write vsock:PORT or vsock:CID:PORT" },
		{ "vsock:1:2:3", "write vsock:PORT or vsock:CID:PORT" },
		{ "vsock:4294967295", "write vsock:PORT or vsock:CID:PORT" },
		{ "vsock:4294967295:1", "write vsock:PORT or vsock:CID:PORT" },
		{ "vsock:-1", "write vsock:PORT or vsock:CID:PORT" },
		{ "systemd:", "write systemd for all" },
		{ "systemdx", "write systemd for all" },
		{ "systemd:a:b", "write systemd for all" },
		{ "unix:/", "write unix:/absolute/path" },
	};
	char path[400] = "unix:/";
	struct listen_addr a;
	struct diag d;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		strcpy(d.text, "NOT REFUSED");
		CHECK(config_listen(&a, t[i].text, &d) == -1);
		if (strstr(d.text, t[i].why) == NULL) {
			printf("# %s: %s\n", t[i].text, d.text);
			CHECK(!"the message");
		}
	}
	memset(path + 6, 'a', 106);
	CHECK(config_listen(&a, path, &d) == 0);
	memset(path + 6, 'a', 107);
	CHECK(config_listen(&a, path, &d) == -1);
	CHECK(strstr(d.text, "at most 107 bytes") != NULL);
	memset(path + 6, 'a', 300);
	CHECK(config_listen(&a, path, &d) == -1);
	CHECK(strstr(d.text, "too long") != NULL);
}

/* Where tools look for data with such a configuration. */
static const char *
data_with(const char *text)
{
	static struct places p;
	static struct diag d;
	char file[PATH_MAX + 16];
	struct dir dir;
	int rc;

	dir_make(&dir);
	dir_put(&dir, "conf", text);
	snprintf(file, sizeof(file), "%s/conf", dir.path);
	places_init(&p);
	p.conf = file;
	rc = config_data(&p, &d);
	dir_remove(&dir);
	return rc == 0 ? p.data : d.text;
}

TEST(tools_find_the_data_in_the_configuration)
{
	unsetenv("NBDMUX_DATA");
	unsetenv("NBDMUX_STATE");
	CHECK_STR(data_with("[nbdmuxd]\n"), "/var/lib/nbdmux");
	CHECK_STR(data_with("[nbdmuxd]\ndata-dir = /srv/d\n"), "/srv/d");
	CHECK_STR(data_with("[nbdmuxd]\ndata-dir =\n"), "/var/lib/nbdmux");
	CHECK(strstr(data_with("[nbdmuxd]\ndata-dir = d\n"),
	    "not an absolute path") != NULL);
	setenv("NBDMUX_DATA", "/env", 1); /* the file does not matter then */
	CHECK_STR(data_with("rubbish"), "/env");
	unsetenv("NBDMUX_DATA");
}

int
main(void)
{
	RUN(the_defaults_are_right_and_complete);
	RUN(every_key_has_help_and_a_member_of_its_own);
	RUN(a_missing_file_means_the_defaults_unless_it_was_named);
	RUN(a_file_is_read_over_the_defaults);
	RUN(wrong_values_say_file_line_and_what_would_be_right);
	RUN(listen_addresses_are_read);
	RUN(wrong_listen_addresses_say_what_would_be_right);
	RUN(tools_find_the_data_in_the_configuration);
	return DONE();
}
