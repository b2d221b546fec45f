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
	a->is_unix = true;
	if (path[0] != '/' || path[1] == '\0')
		return diag_set(d, "\"%s\" has no absolute path; write "
		    "unix:/absolute/path", text);
	if (strlcpy(a->path, path, sizeof(a->path)) >= sizeof(a->path))
		return diag_set(d, "\"%s\": the path of a socket has at most "
		    "%zu bytes", text, sizeof(a->path) - 1);
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
		    "write PORT, HOST:PORT, [IPv6]:PORT, *:PORT or unix:PATH",
		    text);
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
