/*
 * fuzz_http: any bytes as a request to nbdmux.cgi: lines "NAME=VALUE" as the web
 * server would have them in the environment, an empty line, and the body, which
 * is read as a form and as JSON.
 */
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "base/text.h"
#include "http/auth.h"
#include "http/form.h"
#include "http/guard.h"
#include "http/html.h"
#include "http/http.h"
#include "http/jsonbody.h"
#include "http/token.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* --- the request ---------------------------------------------------------- */

struct named {
	const char *name;
	size_t offset; /* of a const char * in struct request */
};

static const struct named names[] = {
	{ "METHOD", offsetof(struct request, method) },
	{ "PATH", offsetof(struct request, path) },
	{ "QUERY", offsetof(struct request, query) },
	{ "TYPE", offsetof(struct request, type) },
	{ "ADDRESS", offsetof(struct request, address) },
	{ "ACCEPT", offsetof(struct request, accept) },
	{ "COOKIE", offsetof(struct request, cookie) },
	{ "ORIGIN", offsetof(struct request, origin) },
	{ "SITE", offsetof(struct request, site) },
};
#define NAMES (sizeof(names) / sizeof(*names))

static const char **
member(struct request *r, size_t i)
{
	return (const char **)((char *)r + names[i].offset);
}

static void
take_line(struct request *r, char *line)
{
	char *value = strchr(line, '=');

	if (value == NULL)
		return;
	*value++ = '\0';
	for (size_t i = 0; i < NAMES; i++)
		if (strcmp(line, names[i].name) == 0)
			*member(r, i) = value;
	if (strcmp(line, "HTTPS") == 0)
		r->https = true;
	if (strcmp(line, "HOST") == 0 && request_host_valid(value) &&
	    strlcpy(r->host, value, sizeof(r->host)) >= sizeof(r->host))
		r->host[0] = '\0';
}

/* Where the body begins. */
static char *
take_lines(struct request *r, char *text, char *end)
{
	char *nl;

	for (size_t i = 0; i < NAMES; i++)
		*member(r, i) = "";
	while ((nl = memchr(text, '\n', (size_t)(end - text))) != NULL) {
		*nl = '\0';
		if (*text == '\0')
			return nl + 1;
		take_line(r, text);
		text = nl + 1;
	}
	return end;
}

/* --- what is made of it --------------------------------------------------- */

/* In a page it is text, whatever it is. */
static void
check_page(const char *text)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	require(f != NULL);
	html_text(f, text);
	require(fclose(f) == 0);
	require(len == 0 || (text_utf8(out, len) &&
	    strpbrk(out, "<>\"'") == NULL));
	free(out);
}

static void
check_form(const struct form *f)
{
	require(f->count <= FORM_FIELDS);
	for (size_t i = 0; i < f->count; i++) {
		const char *name = f->fields[i].name;
		const char *value = f->fields[i].value;

		require(text_utf8(name, strlen(name)));
		require(text_utf8(value, strlen(value)));
		require(form_get(f, name) != NULL);
		check_page(value);
	}
}

static void
read_form(const char *text, size_t len)
{
	struct diag d = { "" };
	struct form f;

	if (form_parse(&f, text, len, &d) == 0)
		check_form(&f);
	else
		require(d.text[0] != '\0');
	form_free(&f);
}

static void
read_json(const char *text, size_t len)
{
	static const struct jsonbody_field fields[] = { { "name", false },
		{ "file", false }, { "readonly", true }, { NULL, false } };
	struct diag d = { "" };
	const char *flag;
	struct form f;

	if (jsonbody_parse(&f, text, len, fields, &d) == 0) {
		check_form(&f);
		flag = form_get(&f, "readonly");
		require(flag == NULL || strcmp(flag, "yes") == 0 ||
		    strcmp(flag, "no") == 0);
	} else
		require(d.text[0] != '\0');
	form_free(&f);
}

static void
find_route(const struct request *r)
{
	struct route_match m;
	unsigned status = route_find(&m, http_routes, r->method, r->path);

	require(status == 200 || status == 404 || status == 405);
	require((status == 200) == (m.route != NULL));
	require((status == 405) == (m.allow[0] != '\0') || status == 200);
	for (size_t i = 0; status == 200 && i < ROUTE_ARGS; i++)
		require(strchr(m.args[i], '/') == NULL);
}

/* Nobody knows the key. */
static void
check_cookie(const char *header)
{
	static const unsigned char key[TOKEN_KEY] = { 7, 1, 201, 99 };
	char token[TOKEN_SIZE];

	if (!request_cookie(header, AUTH_COOKIE, token, sizeof(token)))
		return;
	require(strlen(token) < sizeof(token) && strchr(token, ';') == NULL);
	require(!token_valid(token, key, 0));
}

static void
check_origin(const struct request *r)
{
	char host[REQUEST_HOST_SIZE];

	require(strlen(request_hostname(r, host, sizeof(host))) <=
	    strlen(r->host));
	require(strpbrk(host, "/<>\"'[] \t%") == NULL);
	if (request_same_origin(r) && r->origin[0] != '\0')
		require(r->host[0] != '\0' && strcasestr(r->origin, r->host) !=
		    NULL && (!r->https || strncasecmp(r->origin, "https:", 6) ==
		    0));
}

static void
check_address(const char *address)
{
	char name[GUARD_NAME_SIZE];

	guard_name(name, address);
	require(strlen(name) < sizeof(name) && strchr(name, '/') == NULL);
	require(strspn(name, ".") < strlen(name));
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char *text = malloc(size + 1), *body;
	struct request r = { .https = false };

	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	body = take_lines(&r, text, text + size);
	find_route(&r);
	(void)request_is(&r, "application/json");
	(void)request_accepts(&r, "text/html");
	check_cookie(r.cookie);
	check_origin(&r);
	check_address(r.address);
	check_page(r.path);
	read_form(r.query, strlen(r.query));
	read_form(body, (size_t)(text + size - body));
	read_json(body, (size_t)(text + size - body));
	free(text);
	return 0;
}
