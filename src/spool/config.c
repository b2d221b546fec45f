/* config: the keys of nbdmuxd.conf, their defaults and limits. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "spool/config.h"
#include "spool/name.h"
#include "spool/url.h"

const char *const config_tls_names[] = { "off", "on", "required", NULL };
static const char *const verify_names[] = { "no", "optional", "required",
	NULL };
static const char *const log_names[] = { "stderr", "syslog", NULL };

static int
check_listen(const char *value, struct diag *d)
{
	struct listen_addr a;

	return config_listen(&a, value, d);
}

static int
check_mode(const char *value, struct diag *d)
{
	size_t len = strspn(value, "01234567");

	if (len == 0 || value[len] != '\0' || len > 4 ||
	    strtoul(value, NULL, 8) > 0777)
		return diag_set(d, "\"%s\" is no mode of a socket; right are "
		    "octal permissions such as 0660 or 0666", value);
	return 0;
}

static int
check_dir(const char *value, struct diag *d)
{
	if (value[0] != '/')
		return diag_set(d, "\"%s\" is not an absolute path; write the "
		    "whole path, beginning with /", value);
	return 0;
}

static int
check_file(const char *value, struct diag *d)
{
	if (value[0] != '/')
		return diag_set(d, "\"%s\" is not an absolute path; write the "
		    "whole path, beginning with /", value);
	return 0;
}

#define AT(member) .offset = offsetof(struct config, member)
#define K UINT64_C(1024)
#define M (K * 1024)
#define G (M * 1024)

const struct key config_keys[] = {
	{ .name = "listen", .type = KEY_LIST, AT(listen),
	    .value = "[::]:10809, 0.0.0.0:10809", .check = check_listen,
	    .flags = KEY_RESTART, .arg = "ADDRESS,...",
	    .help = "where clients connect: PORT, HOST:PORT, [IPv6]:PORT, "
	    "*:PORT, unix:PATH, vsock:PORT, systemd or systemd:NAME" },
	{ .name = "socket-mode", .type = KEY_STRING, AT(socket_mode),
	    .value = "0660", .check = check_mode,
	    .flags = KEY_RESTART, .arg = "OCTAL",
	    .help = "permissions of the unix sockets: who may write may "
	    "connect" },
	{ .name = "socket-owner", .type = KEY_STRING, AT(socket_owner),
	    .flags = KEY_RESTART, .arg = "USER",
	    .help = "owner of the unix sockets, by default the daemon's user" },
	{ .name = "socket-group", .type = KEY_STRING, AT(socket_group),
	    .flags = KEY_RESTART, .arg = "GROUP",
	    .help = "group of the unix sockets, by default the daemon's" },
	{ .name = "threads", .type = KEY_COUNT, AT(threads),
	    .value = "0", .min = 0, .max = 256,
	    .flags = KEY_RESTART, .arg = "COUNT",
	    .help = "threads that serve connections, 0 for one per CPU" },
	{ .name = "workers", .type = KEY_COUNT, AT(workers),
	    .value = "16", .min = 1, .max = 1024,
	    .flags = KEY_RESTART, .arg = "COUNT",
	    .help = "threads that wait for disks" },
	{ .name = "spin", .type = KEY_COUNT, AT(spin),
	    .value = "50", .min = 0, .max = 1000,
	    .flags = KEY_RESTART, .arg = "MICROSECONDS",
	    .help = "how long a thread looks for more before it sleeps" },
	{ .name = "rescan", .type = KEY_SECONDS, AT(rescan),
	    .value = "10", .min = 1, .max = 86400, .arg = "SECONDS",
	    .help = "how often the spool is read again without a hint" },
	{ .name = "user", .type = KEY_STRING, AT(user),
	    .value = "nbdmux",
	    .flags = KEY_RESTART, .arg = "NAME",
	    .help = "who the daemon becomes when it is started as root" },
	{ .name = "group", .type = KEY_STRING, AT(group),
	    .flags = KEY_RESTART, .arg = "NAME",
	    .help = "its group, by default the user's own" },
	{ .name = "image-dirs", .type = KEY_LIST, AT(image_dirs),
	    .check = check_dir, .flags = KEY_FILLED, .arg = "DIRECTORY,...",
	    .help = "directories that images must be in, by default any" },
	{ .name = "data-dir", .type = KEY_STRING, AT(data_dir),
	    .check = check_dir, .flags = KEY_RESTART,
	    .arg = "DIRECTORY",
	    .help = "what outlives a restart, by default " PLACES_DATA },
	{ .name = "fetches", .type = KEY_COUNT, AT(fetches),
	    .value = "1", .min = 0, .max = 16, .arg = "COUNT",
	    .help = "most images fetched at a time" },
	{ .name = "fetch-from", .type = KEY_LIST, AT(fetch_from),
	    .check = url_check_prefix, .flags = KEY_FILLED, .arg = "URL,...",
	    .help = "beginnings of the addresses that may be added over HTTP" },
	{ .name = "fetch-cache", .type = KEY_STRING, AT(fetch_cache),
	    .check = url_check_cache, .arg = "URL",
	    .help = "cache through which images are fetched, by default none" },
	{ .name = "admin-password-file", .type = KEY_STRING,
	    AT(admin_password_file), .check = check_file, .flags = KEY_FILLED,
	    .arg = "FILE",
	    .help = "has the password of who may change exports over HTTP" },
	{ .name = "default-export", .type = KEY_STRING, AT(default_export),
	    .check = name_check, .arg = "NAME",
	    .help = "export for clients that name none, by default none" },
	{ .name = "probe", .type = KEY_BOOL, AT(probe),
	    .value = "yes", .arg = "yes|no",
	    .help = "serve the built-in export probe" },
	{ .name = "listing", .type = KEY_BOOL, AT(listing),
	    .value = "yes", .arg = "yes|no",
	    .help = "let clients list the exports" },
	{ .name = "no-zeroes", .type = KEY_BOOL, AT(no_zeroes),
	    .value = "yes", .arg = "yes|no",
	    .help = "offer clients to leave out padding in the handshake" },
	{ .name = "zero-copy", .type = KEY_BOOL, AT(zero_copy),
	    .value = "yes", .arg = "yes|no",
	    .help = "send long reads from the page cache without a copy" },
	{ .name = "max-connections", .type = KEY_COUNT, AT(max_connections),
	    .value = "10000", .min = 1, .max = 1000000,
	    .flags = KEY_RESTART, .arg = "COUNT",
	    .help = "most connections in all" },
	{ .name = "max-per-address", .type = KEY_COUNT, AT(max_per_address),
	    .value = "10000", .min = 1, .max = 1000000, .arg = "COUNT",
	    .help = "most connections from one address" },
	{ .name = "max-handshakes", .type = KEY_COUNT, AT(max_handshakes),
	    .value = "1000", .min = 1, .max = 1000000, .arg = "COUNT",
	    .help = "connections in the handshake before the slow make room" },
	{ .name = "max-requests", .type = KEY_COUNT, AT(max_requests),
	    .value = "128", .min = 1, .max = 4096, .arg = "COUNT",
	    .help = "most requests in progress per connection" },
	{ .name = "max-queued", .type = KEY_SIZE, AT(max_queued),
	    .value = "1M", .min = 64 * K, .max = G, .arg = "SIZE",
	    .help = "most bytes waiting to be sent per connection" },
	{ .name = "max-memory", .type = KEY_SIZE, AT(max_memory),
	    .value = "256M", .min = M, .max = 1024 * G,
	    .flags = KEY_RESTART, .arg = "SIZE",
	    .help = "most memory for the data of requests in all" },
	{ .name = "max-options", .type = KEY_COUNT, AT(max_options),
	    .value = "64", .min = 1, .max = 65536, .arg = "COUNT",
	    .help = "most options in one handshake" },
	{ .name = "max-handshake", .type = KEY_SIZE, AT(max_handshake),
	    .value = "128K", .min = 8 * K, .max = 64 * M, .arg = "SIZE",
	    .help = "most bytes in one handshake" },
	{ .name = "handshake-timeout", .type = KEY_SECONDS,
	    AT(handshake_timeout),
	    .value = "10", .min = 1, .max = 3600, .arg = "SECONDS",
	    .help = "how long a handshake may take" },
	{ .name = "keepalive", .type = KEY_SECONDS, AT(keepalive),
	    .value = "60", .min = 5, .max = 86400, .arg = "SECONDS",
	    .help = "how long a vanished client keeps its connection" },
	{ .name = "drain-timeout", .type = KEY_SECONDS, AT(drain_timeout),
	    .value = "10", .min = 0, .max = 3600, .arg = "SECONDS",
	    .help = "how long the daemon's end waits for replies" },
	{ .name = "tls", .type = KEY_ENUM, AT(tls),
	    .value = "off", .choices = config_tls_names, .arg = "off|on|required",
	    .help = "whether clients may, or must, encrypt" },
	{ .name = "tls-certificate", .type = KEY_STRING, AT(tls_certificate),
	    .check = check_file, .arg = "FILE",
	    .help = "the server's certificate and those above it, in PEM" },
	{ .name = "tls-key", .type = KEY_STRING, AT(tls_key),
	    .check = check_file, .arg = "FILE",
	    .help = "the private key of the certificate, in PEM" },
	{ .name = "tls-ca", .type = KEY_STRING, AT(tls_ca),
	    .check = check_file, .arg = "FILE",
	    .help = "who must have signed the certificates of clients, in PEM" },
	{ .name = "tls-verify", .type = KEY_ENUM, AT(tls_verify),
	    .value = "no", .choices = verify_names,
	    .arg = "no|optional|required",
	    .help = "whether clients show certificates" },
	{ .name = "tls-psk-file", .type = KEY_STRING, AT(tls_psk_file),
	    .check = check_file, .arg = "FILE",
	    .help = "users and their shared keys, as psktool writes them" },
	{ .name = "tls-priority", .type = KEY_STRING, AT(tls_priority),
	    .arg = "STRING",
	    .help = "what TLS may use, in GnuTLS's words, by default 1.2 and newer" },
	{ .name = "log", .type = KEY_ENUM, AT(log),
	    .value = "stderr", .choices = log_names,
	    .flags = KEY_RESTART, .arg = "stderr|syslog",
	    .help = "where the log goes" },
	{ .name = "log-level", .type = KEY_ENUM, AT(log_level),
	    .value = "info", .choices = log_level_names,
	    .arg = "error|warning|info|debug",
	    .help = "least important lines that are logged" },
	{ 0 }
};

void
config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	keys_init(config_keys, c, NULL);
}

void
config_clear(struct config *c)
{
	keys_clear(config_keys, c);
}

int
config_read(struct config *c, const char *file, bool must_exist,
    struct diag *d)
{
	struct buf b;
	int rc = -1;

	buf_init(&b, CONF_FILE_MAX);
	if (file_read(AT_FDCWD, file, false, &b, NULL, d) == 0)
		rc = keys_parse(config_keys, c, CONFIG_SECTION,
		    b.len > 0 ? b.data : "", b.len, file, d);
	else if (errno == ENOENT && !must_exist)
		rc = 0;
	buf_free(&b);
	return rc;
}

int
config_data(struct places *p, struct diag *d)
{
	struct config c;
	int rc;

	if (places_data_given(p))
		return places_data(p, NULL, d);
	config_init(&c);
	rc = config_read(&c, p->conf, p->conf_given, d);
	if (rc == 0)
		rc = places_data(p, c.data_dir, d);
	config_clear(&c);
	return rc;
}

static bool
same_address(const struct listen_addr *a, const struct listen_addr *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case LISTEN_UNIX:
	case LISTEN_SYSTEMD:
		return strcmp(a->path, b->path) == 0;
	default:
		/* Port 0 is another free port each time. */
		return a->port != 0 && a->port == b->port &&
		    a->cid == b->cid && strcmp(a->host, b->host) == 0;
	}
}

/* One item of the list; it was checked when it was set. */
static int
listen_item(struct listen_addr *a, const char *item, size_t len,
    struct diag *d)
{
	char text[128];

	if (len >= sizeof(text)) {
		diag_set(d, "\"listen\": \"%.*s\" is too long", (int)len, item);
		return -1;
	}
	memcpy(text, item, len);
	text[len] = '\0';
	return config_listen(a, text, d);
}

/* Binding an address twice would fail with a message that misleads. */
static int
check_addresses(const char *list, struct diag *d)
{
	struct listen_addr a, b;
	const char *one, *two, *rest, *cursor = list;
	size_t len, size;

	while ((one = text_item(&cursor, &len)) != NULL) {
		if (listen_item(&a, one, len, d) == -1)
			return -1;
		rest = cursor;
		while ((two = text_item(&rest, &size)) != NULL) {
			if (listen_item(&b, two, size, d) == -1)
				return -1;
			if (same_address(&a, &b))
				return diag_set(d, "\"listen\": \"%.*s\" "
				    "stands there twice; write it once", (int)size,
				    two);
		}
	}
	return 0;
}

unsigned
config_mode(const char *text)
{
	return (unsigned)strtoul(text, NULL, 8);
}

int
config_check(const struct config *c, struct diag *d)
{
	if (c->listen == NULL)
		return diag_set(d, "\"listen\": there is no address; write for "
		    "example *:%d", CONFIG_PORT);
	if (c->socket_mode == NULL)
		return diag_set(d, "\"socket-mode\": there is no mode; write "
		    "one, or leave the line out for 0660");
	if (c->user == NULL)
		return diag_set(d, "\"user\": there is no name; write one, or "
		    "leave the line out for nbdmux");
	if (check_addresses(c->listen, d) == -1)
		return -1;
	if (c->max_queued > c->max_memory)
		return diag_set(d, "\"max-queued\" (%llu) is more than "
		    "\"max-memory\" (%llu); make it smaller",
		    (unsigned long long)c->max_queued,
		    (unsigned long long)c->max_memory);
	return config_check_tls(c, d);
}
