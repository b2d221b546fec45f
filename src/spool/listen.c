/* config: one listen address, text -> struct. */
#include <arpa/inet.h>
#include <bsd/string.h>

#include <string.h>

#include "spool/config.h"

#define ADDRESS_MAX 255 /* bytes of text; well over any that is right */

/* Digits alone, up to 65535; 0 lets the kernel choose a free port. */
static int
parse_port(const char *digits, unsigned *port)
{
	unsigned n = 0;

	if (digits[0] == '\0' || strlen(digits) > 5)
		return -1;
	for (; *digits != '\0'; digits++) {
		if (*digits < '0' || *digits > '9')
			return -1;
		n = n * 10 + (unsigned)(*digits - '0');
	}
	*port = n;
	return n <= 65535 ? 0 : -1;
}

static int
parse_unix(struct listen_addr *a, const char *path, const char *text,
    struct diag *d)
{
	a->kind = LISTEN_UNIX;
	if ((path[0] != '/' && path[0] != '@') || path[1] == '\0')
		return diag_set(d, "\"%s\" has no absolute path; write "
		    "unix:/absolute/path (or unix:@name for the abstract "
		    "namespace)", text);
	if (strlcpy(a->path, path, sizeof(a->path)) >= sizeof(a->path))
		return diag_set(d, "\"%s\": the path of a socket has at most "
		    "%zu bytes", text, sizeof(a->path) - 1);
	return 0;
}

/* A number up to that of the last port, 32 bits without their last one. */
static int
parse_u32(const char *digits, size_t len, uint32_t *out)
{
	uint64_t n = 0;

	if (len == 0 || len > 10 || strspn(digits, "0123456789") < len)
		return -1;
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (uint64_t)(digits[i] - '0');
	*out = (uint32_t)n;
	return n < UINT32_MAX ? 0 : -1;
}

/* vsock(7): a CID is a machine, 1 this one, 2 the host. */
static int
parse_vsock(struct listen_addr *a, const char *rest, const char *text,
    struct diag *d)
{
	const char *colon = strchr(rest, ':');
	const char *port = colon != NULL ? colon + 1 : rest;

	a->kind = LISTEN_VSOCK;
	a->cid = LISTEN_CID_ANY;
	if ((colon != NULL && parse_u32(rest, (size_t)(colon - rest),
	    &a->cid) == -1) || parse_u32(port, strlen(port), &a->port) == -1)
		return diag_set(d, "\"%s\" is no vsock address; write "
		    "vsock:PORT or vsock:CID:PORT with numbers, for example "
		    "vsock:%d", text, CONFIG_PORT);
	return 0;
}

static int
parse_systemd(struct listen_addr *a, const char *rest, const char *text,
    struct diag *d)
{
	a->kind = LISTEN_SYSTEMD;
	if (rest[0] == '\0')
		return 0;
	if (rest[0] != ':' || rest[1] == '\0' || strchr(rest + 1, ':') != NULL)
		return diag_set(d, "\"%s\": write systemd for all sockets that "
		    "systemd passes, or systemd:NAME for those with that "
		    "FileDescriptorName=", text);
	if (strlcpy(a->path, rest + 1, sizeof(a->path)) >= sizeof(a->path))
		return diag_set(d, "\"%s\": the name has at most %zu bytes",
		    text, sizeof(a->path) - 1);
	return 0;
}

/* Is it an address of this family?  Then it is kept as it was written. */
static bool
numeric(struct listen_addr *a, int family, const char *host, size_t len)
{
	unsigned char addr[16];

	if (len >= sizeof(a->host))
		return false;
	memcpy(a->host, host, len);
	a->host[len] = '\0';
	return inet_pton(family, a->host, addr) == 1;
}

static int
parse_ipv6(struct listen_addr *a, const char *text, const char **port,
    struct diag *d)
{
	const char *end = strchr(text, ']');

	if (end == NULL || !numeric(a, AF_INET6, text + 1,
	    (size_t)(end - text - 1)))
		return diag_set(d, "\"%s\" is not [IPv6]:PORT with a numeric "
		    "address; write for example [::1]:%d", text, CONFIG_PORT);
	if (end[1] != ':')
		return diag_set(d, "\"%s\" has no port; write [%s]:%d", text,
		    a->host, CONFIG_PORT);
	*port = end + 2;
	return 0;
}

static int
parse_host(struct listen_addr *a, const char *text, const char **port,
    struct diag *d)
{
	const char *colon = strrchr(text, ':');

	if (numeric(a, AF_INET6, text, strlen(text)))
		return diag_set(d, "\"%s\" is an IPv6 address without "
		    "brackets and port; write [%s]:%d", text, text,
		    CONFIG_PORT);
	if (strcmp(text, "*") == 0 || numeric(a, AF_INET, text, strlen(text)))
		return diag_set(d, "\"%s\" has no port; write %s:%d", text,
		    text, CONFIG_PORT);
	if (colon == NULL)
		return diag_set(d, "\"%s\" is neither a port nor an address; "
		    "write PORT, HOST:PORT, [IPv6]:PORT, *:PORT, unix:PATH, "
		    "vsock:PORT or systemd", text);
	*port = colon + 1;
	if (colon == text + 1 && text[0] == '*')
		a->host[0] = '\0';
	else if (!numeric(a, AF_INET, text, (size_t)(colon - text)))
		return diag_set(d, "\"%s\": \"%.*s\" is not a numeric address; "
		    "write for example 127.0.0.1:%s or [::1]:%s", text,
		    (int)(colon - text), text, *port, *port);
	return 0;
}

int
config_listen(struct listen_addr *a, const char *text, struct diag *d)
{
	const char *port = text;

	memset(a, 0, sizeof(*a));
	if (strlen(text) > ADDRESS_MAX)
		return diag_set(d, "\"%.40s...\" is too long for an address",
		    text);
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(a, text + 5, text, d);
	if (strncmp(text, "vsock:", 6) == 0)
		return parse_vsock(a, text + 6, text, d);
	if (strncmp(text, "systemd", 7) == 0)
		return parse_systemd(a, text + 7, text, d);
	if (text[0] == '[') {
		if (parse_ipv6(a, text, &port, d) == -1)
			return -1;
	} else if (text[strspn(text, "0123456789")] != '\0' ||
	    text[0] == '\0') {
		if (parse_host(a, text, &port, d) == -1)
			return -1;
	}
	if (parse_port(port, &a->port) == -1)
		return diag_set(d, "\"%s\": the port must be a number from 0 "
		    "to 65535", text);
	return 0;
}
