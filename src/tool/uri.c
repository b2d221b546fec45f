/* uri: percent-encoding, and which of several addresses to tell people. */
#include <bsd/string.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "spool/config.h"
#include "tool/uri.h"

#define CID_HOST 2 /* VMADDR_CID_HOST */
#define ADDRESS_SIZE 256

/* RFC 3986, 2.3: what needs no encoding; also takes characters like '/'. */
static int
encode(struct buf *b, const char *text, const char *also)
{
	static const char unreserved[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (; *text != '\0'; text++) {
		bool plain = strchr(unreserved, *text) != NULL ||
		    strchr(also, *text) != NULL;

		if ((plain ? buf_add(b, text, 1) :
		    buf_addf(b, "%%%02X", (unsigned char)*text)) != 0)
			return -1;
	}
	return 0;
}

static bool
is_wildcard(const struct listen_addr *a)
{
	return a->host[0] == '\0' || strcmp(a->host, "*") == 0 ||
	    strcmp(a->host, "::") == 0 || strcmp(a->host, "0.0.0.0") == 0;
}

static bool
is_loopback(const struct listen_addr *a)
{
	return strncmp(a->host, "127.", 4) == 0 || strcmp(a->host, "::1") == 0;
}

static int
format_tcp(struct buf *b, const struct listen_addr *a, const char *host,
    const char *name)
{
	bool literal;

	if (!is_wildcard(a))
		host = a->host;
	/* An IPv6 literal stands in brackets (RFC 3986, 3.2.2), and what
	 * names its zone is encoded (RFC 6874). */
	literal = strchr(host, ':') != NULL;
	if (buf_addf(b, "://%s", literal ? "[" : "") != 0 ||
	    encode(b, host, ":") != 0 ||
	    buf_addf(b, "%s", literal ? "]" : "") != 0)
		return -1;
	if (a->port != CONFIG_PORT && buf_addf(b, ":%u", a->port) != 0)
		return -1;
	return buf_add(b, "/", 1) != 0 ? -1 : encode(b, name, "");
}

static int
format_unix(struct buf *b, const struct listen_addr *a, const char *name)
{
	if (buf_addf(b, "+unix:///") != 0 || encode(b, name, "") != 0 ||
	    buf_addf(b, "?socket=") != 0)
		return -1;
	if (a->path[0] != '@')
		return encode(b, a->path, "/");
	/* The abstract namespace: a NUL is its mark. */
	return buf_addf(b, "%%00") != 0 ? -1 : encode(b, a->path + 1, "/");
}

/* As libnbd has it.  All CIDs of a machine: who is not on it is its guest. */
static int
format_vsock(struct buf *b, const struct listen_addr *a, const char *name)
{
	uint32_t cid = a->cid == LISTEN_CID_ANY ? CID_HOST : a->cid;

	if (buf_addf(b, "+vsock://%lu", (unsigned long)cid) != 0 ||
	    (a->port != CONFIG_PORT && buf_addf(b, ":%u", a->port) != 0) ||
	    buf_add(b, "/", 1) != 0)
		return -1;
	return encode(b, name, "");
}

int
uri_format(struct buf *b, const char *listen, const char *host,
    const char *name, bool secure)
{
	struct listen_addr a;

	if (config_listen(&a, listen, NULL) != 0 ||
	    buf_addf(b, secure ? "nbds" : "nbd") != 0)
		return -1;
	switch (a.kind) {
	case LISTEN_TCP:
		return format_tcp(b, &a, host, name);
	case LISTEN_UNIX:
		return format_unix(b, &a, name);
	case LISTEN_VSOCK:
		return format_vsock(b, &a, name);
	default:
		return -1; /* not where anything is bound */
	}
}

/* How good an address is to tell others; 0: it is none. */
static int
rank(const char *listen)
{
	struct listen_addr a;

	if (config_listen(&a, listen, NULL) != 0)
		return 0;
	switch (a.kind) {
	case LISTEN_TCP:
		return is_loopback(&a) ? 3 : is_wildcard(&a) ? 5 : 4;
	case LISTEN_UNIX:
		return 2;
	case LISTEN_VSOCK:
		return 1;
	default:
		return 0;
	}
}

/* The one of a list that most clients can use; false: there is none. */
static bool
find_best(char best[ADDRESS_SIZE], const char *listen)
{
	const char *cursor = listen, *item;
	int best_rank = 0;
	size_t len;

	while (cursor != NULL && (item = text_item(&cursor, &len)) != NULL) {
		char one[ADDRESS_SIZE];

		if (len >= sizeof(one))
			continue;
		memcpy(one, item, len);
		one[len] = '\0';
		if (rank(one) > best_rank) {
			best_rank = rank(one);
			strlcpy(best, one, sizeof(one));
		}
	}
	return best_rank != 0;
}

int
uri_best_at(struct buf *b, const char *listen, const char *host,
    const char *name, bool secure)
{
	char best[ADDRESS_SIZE];

	return find_best(best, listen) ?
	    uri_format(b, best, host, name, secure) : -1;
}

int
uri_best(struct buf *b, const char *listen, const char *name, bool secure)
{
	char host[HOST_NAME_MAX + 1] = "localhost";

	gethostname(host, sizeof(host) - 1);
	return uri_best_at(b, listen, host, name, secure);
}

/* Nothing in it means anything to a shell. */
static bool
is_plain(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/:+,%@";

	return path[strspn(path, plain)] == '\0';
}

int
uri_nbd_client(struct buf *b, const char *listen, const char *host,
    const char *name, bool secure)
{
	char best[ADDRESS_SIZE];
	struct listen_addr a;
	int rc = -1;

	if (!find_best(best, listen) || config_listen(&a, best, NULL) != 0)
		return -1;
	if (a.kind == LISTEN_TCP)
		rc = buf_addf(b, "nbd-client %s %u", is_wildcard(&a) ? host :
		    a.host, a.port);
	else if (a.kind == LISTEN_UNIX && a.path[0] == '/' && is_plain(a.path))
		rc = buf_addf(b, "nbd-client -unix %s", a.path);
	if (rc != 0)
		return -1;
	return buf_addf(b, " /dev/nbd0 -N %s%s", name, secure ? " -x" : "");
}
