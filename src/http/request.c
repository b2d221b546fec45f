/* request: the environment's variables, and a bounded body. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <bsd/string.h>

#include "http/request.h"

static const char *
env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

bool
request_host_valid(const char *host)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t n;

	if (host[0] == '[') {
		n = 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
		if (n < 3 || host[n++] != ']')
			return false;
	} else if ((n = strspn(host, plain)) == 0)
		return false;
	if (host[n] == '\0')
		return true;
	return host[n] == ':' && host[n + 1] != '\0' &&
	    strspn(host + n + 1, "0123456789") == strlen(host + n + 1);
}

void
request_init(struct request *r)
{
	const char *https = env("HTTPS");

	memset(r, 0, sizeof(*r));
	r->method = env("REQUEST_METHOD");
	r->base = env("SCRIPT_NAME");
	r->path = env("PATH_INFO");
	r->query = env("QUERY_STRING");
	r->type = env("CONTENT_TYPE");
	r->address = env("REMOTE_ADDR");
	r->accept = env("HTTP_ACCEPT");
	r->authorization = env("HTTP_AUTHORIZATION");
	r->cookie = env("HTTP_COOKIE");
	r->origin = env("HTTP_ORIGIN");
	r->site = env("HTTP_SEC_FETCH_SITE");
	r->https = https[0] != '\0' && strcasecmp(https, "off") != 0;
	if (!request_host_valid(env("HTTP_HOST")) || strlcpy(r->host,
	    env("HTTP_HOST"), sizeof(r->host)) >= sizeof(r->host))
		r->host[0] = '\0';
	buf_init(&r->body, REQUEST_BODY_MAX);
}

void
request_free(struct request *r)
{
	buf_free(&r->body);
}

/* --- the body ------------------------------------------------------------- */

static int
bad(unsigned *status, unsigned value, struct diag *d, const char *text)
{
	*status = value;
	return diag_set(d, "%s", text);
}

int
request_read(struct request *r, int fd, unsigned *status, struct diag *d)
{
	const char *length = env("CONTENT_LENGTH");
	char block[4096], *end;
	unsigned long long left;
	ssize_t n;

	if (length[0] == '\0')
		return 0;
	errno = 0;
	left = strtoull(length, &end, 10);
	if (length[0] < '0' || length[0] > '9' || *end != '\0')
		return bad(status, 400, d, "the length of the body is no number");
	if (errno != 0 || left > REQUEST_BODY_MAX)
		return bad(status, 413, d, "the body is longer than 64 KiB");
	for (; left > 0; left -= (unsigned long long)n) {
		n = read(fd, block, left < sizeof(block) ? left :
		    sizeof(block));
		if (n == -1 && errno == EINTR) {
			n = 0;
			continue;
		}
		if (n <= 0)
			return bad(status, 400, d, "the body is shorter than "
			    "its length says");
		if (buf_add(&r->body, block, (size_t)n) != 0)
			return bad(status, 503, d, "out of memory");
	}
	return 0;
}

/* --- questions ------------------------------------------------------------ */

bool
request_is(const struct request *r, const char *type)
{
	size_t len = strlen(type);

	return strncasecmp(r->type, type, len) == 0 &&
	    (r->type[len] == '\0' || strchr("; \t", r->type[len]) != NULL);
}

bool
request_accepts(const struct request *r, const char *type)
{
	return strcasestr(r->accept, type) != NULL;
}

bool
request_same_origin(const struct request *r)
{
	const char *host;

	if (r->site[0] != '\0' && strcmp(r->site, "same-origin") != 0 &&
	    strcmp(r->site, "none") != 0)
		return false;
	if (r->origin[0] == '\0')
		return true;
	/* What came in clear may have come to a proxy with TLS; not so the
	 * other way round. */
	host = strstr(r->origin, "://");
	if (host == NULL || (r->https &&
	    strncasecmp(r->origin, "https:", 6) != 0))
		return false;
	return r->host[0] != '\0' && strcasecmp(host + 3, r->host) == 0;
}

char *
request_hostname(const struct request *r, char *dst, size_t size)
{
	const char *start = r->host, *end;

	if (start[0] == '[')
		end = strchr(++start, ']');
	else
		end = strchr(start, ':');
	if (end == NULL)
		end = start + strlen(start);
	if ((size_t)(end - start) >= size)
		end = start;
	memcpy(dst, start, (size_t)(end - start));
	dst[end - start] = '\0';
	return dst;
}

bool
request_cookie(const char *header, const char *name, char *dst, size_t size)
{
	size_t len = strlen(name), n;

	while (*header != '\0') {
		header += strspn(header, "; \t");
		n = strcspn(header, ";");
		if (n > len && strncmp(header, name, len) == 0 &&
		    header[len] == '=') {
			header += len + 1;
			n = strcspn(header, "; \t");
			if (n >= size)
				return false;
			memcpy(dst, header, n);
			dst[n] = '\0';
			return true;
		}
		header += n;
	}
	return false;
}
