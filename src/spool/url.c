/* url: scheme, host, port and path, taken apart by RFC 3986's commas only. */
#include <bsd/string.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "spool/url.h"

#define HOST_MAX 256

/* What a cache in front makes of the last one is its business. */
static const struct {
	const char *begin, *port;
} schemes[] = {
	{ "https://", "443" },
	{ "http://", "80" },
	{ "oras://", "443" },
};
#define SCHEMES (sizeof(schemes) / sizeof(*schemes))
#define SCHEMES_DIRECT 2 /* the first of them need no cache */

struct url {
	unsigned scheme;
	char host[HOST_MAX]; /* an IPv6 address with its brackets */
	char port[6];
	const char *path; /* borrowed: "/..." or "" */
};

static const char *
rest_of(const char *text, unsigned *scheme)
{
	for (*scheme = 0; *scheme < SCHEMES; ++*scheme) {
		size_t len = strlen(schemes[*scheme].begin);

		if (strncasecmp(text, schemes[*scheme].begin, len) == 0)
			return text + len;
	}
	return NULL;
}

bool
url_is(const char *text)
{
	unsigned scheme;

	return rest_of(text, &scheme) != NULL;
}

bool
url_direct(const char *text)
{
	unsigned scheme;

	return rest_of(text, &scheme) != NULL && scheme < SCHEMES_DIRECT;
}

static int
bad(struct diag *d, const char *url, const char *why)
{
	char shown[200];

	return diag_set(d, "\"%s\" %s", text_escape(shown, sizeof(shown), url,
	    strlen(url)), why);
}

/* Where the port begins, or the end of the authority. */
static size_t
host_length(const char *at, size_t len)
{
	const char *colon;

	if (at[0] == '[') {
		const char *close = memchr(at, ']', len);

		return close != NULL ? (size_t)(close - at) + 1 : 0;
	}
	colon = memchr(at, ':', len);
	return colon != NULL ? (size_t)(colon - at) : len;
}

static int
take_port(struct url *u, const char *at, size_t len, const char *text,
    struct diag *d)
{
	char *end;
	unsigned long n;

	snprintf(u->port, sizeof(u->port), "%s", schemes[u->scheme].port);
	if (len <= 1)
		return 0;
	if (len >= 1 + sizeof(u->port) || at[1] < '0' || at[1] > '9')
		return bad(d, text, "has a port that is no number");
	n = strtoul(at + 1, &end, 10);
	if (end != at + len || n == 0 || n > 65535)
		return bad(d, text, "has a port that is not from 1 to 65535");
	snprintf(u->port, sizeof(u->port), "%lu", n);
	return 0;
}

static int
split(struct url *u, const char *text, struct diag *d)
{
	const char *at = rest_of(text, &u->scheme);
	size_t len, host;

	if (at == NULL)
		return bad(d, text, "is no address to fetch from; right is one "
		    "that begins with https:// or http://, or, where there is "
		    "a cache (fetch-cache), with oras://");
	len = strcspn(at, "/?#");
	if (memchr(at, '@', len) != NULL)
		return bad(d, text, "has a user name in it, which listings "
		    "would show; put it into the file netrc in the data "
		    "directory");
	host = host_length(at, len);
	if (host == 0 || host >= sizeof(u->host) || (at[0] == '[' &&
	    host < len && at[host] != ':'))
		return bad(d, text, "names no host");
	/* Whoever decodes it goes to another host than the one that fits. */
	if (at[0] != '[' && memchr(at, '%', host) != NULL)
		return bad(d, text, "has a host with a % in it; write the "
		    "host itself");
	memcpy(u->host, at, host);
	u->host[host] = '\0';
	u->path = at + len;
	return take_port(u, at + host, len - host, text, d);
}

static int
check_letters(const char *url, struct diag *d)
{
	if (strlen(url) > URL_MAX)
		return diag_set(d, "the address has %zu bytes; the most is %d",
		    strlen(url), URL_MAX);
	for (const char *c = url; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("\"<>\\^`{|}", *c))
			return bad(d, url, "has a blank or another character "
			    "that no address has; write it as %20 and the "
			    "like");
	return 0;
}

int
url_check(const char *url, struct diag *d)
{
	struct url u = { .path = "" };

	if (check_letters(url, d) == -1 || split(&u, url, d) == -1)
		return -1;
	if (strchr(url, '#') != NULL)
		return bad(d, url, "has a fragment (#...), which servers do "
		    "not get to see; leave it out");
	if (strchr(u.host, '*') != NULL)
		return bad(d, url, "names no host");
	return 0;
}

int
url_check_cache(const char *url, struct diag *d)
{
	if (url_check(url, d) == -1)
		return -1;
	return url_direct(url) ? 0 : bad(d, url, "is no address of a cache; "
	    "right is one that begins with https:// or http://");
}

int
url_check_prefix(const char *prefix, struct diag *d)
{
	struct url u = { .path = "" };

	if (check_letters(prefix, d) == -1 || split(&u, prefix, d) == -1)
		return -1;
	if (strpbrk(u.path, "?#") != NULL)
		return bad(d, prefix, "has more than the beginning of a path");
	if (strchr(u.host, '*') != NULL && (strncmp(u.host, "*.", 2) != 0 ||
	    strchr(u.host + 1, '*') != NULL || u.host[2] == '\0'))
		return bad(d, prefix, "has a * that does not stand for the "
		    "beginning of a host, as in https://*.example.org/");
	return 0;
}

static bool
host_fits(const char *pattern, const char *host)
{
	size_t tail, len = strlen(host);

	if (pattern[0] != '*')
		return strcasecmp(pattern, host) == 0;
	tail = strlen(pattern + 1);
	return len > tail && strcasecmp(host + len - tail, pattern + 1) == 0;
}

/* A server may take it for "..", and leave the prefix. */
static bool
climbs(const char *path)
{
	size_t len = strcspn(path, "?");

	return strstr(path, "/../") != NULL || strstr(path, "/..;") != NULL ||
	    strcasestr(path, "%2e") ||
	    strcasestr(path, "%2f") || strcasestr(path, "%5c") ||
	    (len >= 3 && strncmp(path + len - 3, "/..", 3) == 0);
}

static bool
path_fits(const char *prefix, const char *path)
{
	size_t len = strlen(prefix);

	if (len == 0 || strcmp(prefix, "/") == 0)
		return true;
	if (strncmp(prefix, path, len) != 0 || climbs(path))
		return false;
	return prefix[len - 1] == '/' || path[len] == '\0' ||
	    strchr("/?", path[len]) != NULL;
}

static bool
fits(const char *prefix, const struct url *u)
{
	struct url p = { .path = "" };

	return split(&p, prefix, NULL) == 0 && p.scheme == u->scheme &&
	    strcmp(p.port, u->port) == 0 && host_fits(p.host, u->host) &&
	    path_fits(p.path, u->path);
}

bool
url_allowed(const char *list, const char *url)
{
	const char *cursor = list, *item;
	char prefix[URL_MAX + 1];
	struct url u = { .path = "" };
	size_t len;

	if (list == NULL || url_check(url, NULL) == -1 ||
	    split(&u, url, NULL) == -1)
		return false;
	while ((item = text_item(&cursor, &len)) != NULL) {
		if (len >= sizeof(prefix))
			continue;
		memcpy(prefix, item, len);
		prefix[len] = '\0';
		if (fits(prefix, &u))
			return true;
	}
	return false;
}

const char *
url_hold(const char *list, const char *source)
{
	return url_allowed(list, source) ? list : NULL;
}
