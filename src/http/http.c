/* http: route, who may, the body, the handler, the answer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "http/http.h"
#include "http/page.h"
#include "tool/tell.h"

const struct route http_routes[] = {
	{ "GET", "/exports", WHO_ANYONE, BODY_NONE, exports_list },
	{ "POST", "/exports", WHO_ADMIN, BODY_JSON, change_post },
	{ "GET", "/export/*", WHO_ANYONE, BODY_NONE, exports_show },
	{ "DELETE", "/exports/*", WHO_ADMIN, BODY_NONE, change_delete },
	{ "GET", "/clients", WHO_ANYONE, BODY_NONE, clients_list },
	{ "GET", "/healthz", WHO_ANYONE, BODY_NONE, healthz_show },
	{ "GET", "/metrics", WHO_ANYONE, BODY_NONE, metrics_show },
	{ "GET", "/artifacts/*/*", WHO_ANYONE, BODY_NONE, artifacts_show },
	{ "GET", "/ipxe/*", WHO_ANYONE, BODY_NONE, ipxe_show },
	{ "GET", "/events", WHO_ANYONE, BODY_NONE, eventlist_show },
	{ "GET", "/", WHO_OPERATOR, BODY_NONE, page_dashboard },
	{ "GET", "/ui/dashboard", WHO_OPERATOR, BODY_NONE, page_dashboard },
	{ "GET", "/ui/login", WHO_ANYONE, BODY_NONE, login_form },
	{ "POST", "/ui/login", WHO_ANYONE, BODY_FORM, login_post },
	{ "POST", "/ui/logout", WHO_ANYONE, BODY_NONE, login_end },
	{ "POST", "/admin/create_export", WHO_OPERATOR, BODY_FORM,
	    page_create },
	{ "POST", "/admin/delete_export/*", WHO_OPERATOR, BODY_NONE,
	    page_delete },
	{ 0 }
};

int
http_init(struct http *h)
{
	memset(h, 0, sizeof(*h));
	h->turn = -1;
	tool_init(&h->tool, HTTP_PROGRAM);
	h->tool.who = h->who;
	config_init(&h->config);
	request_init(&h->request);
	h->configured = config_read(&h->config, h->tool.places.conf,
	    h->tool.places.conf_given, &h->config_error) == 0;
	places_data(&h->tool.places, h->configured ? h->config.data_dir :
	    NULL, NULL);
	auth_init(&h->auth, h->configured ? &h->config : NULL,
	    h->tool.places.data, &h->config_error);
	return answer_init(&h->answer);
}

void
http_free(struct http *h)
{
	if (h->turn != -1)
		close(h->turn);
	h->turn = -1;
	answer_free(&h->answer);
	auth_free(&h->auth);
	request_free(&h->request);
	config_clear(&h->config);
	tool_close(&h->tool);
}

/* --- what handlers share -------------------------------------------------- */

static bool
is_page(const struct http *h)
{
	const struct route *r = h->match.route;

	return r != NULL ? r->who == WHO_OPERATOR || r->run == login_form ||
	    r->run == login_post || r->run == login_end :
	    request_accepts(&h->request, "text/html");
}

void
http_error(struct http *h, unsigned status, const char *fmt, ...)
{
	struct diag d;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d.text, sizeof(d.text), fmt, ap);
	va_end(ap);
	if (status >= 500)
		tool_say(&h->tool, "%s %s: %s", h->request.method,
		    h->request.path, d.text);
	if (is_page(h))
		page_error(h, status, d.text);
	else
		answer_error(&h->answer, status, d.text);
}

void
http_tell(struct http *h, const char *event, const char *reason)
{
	struct event e;

	tell_begin(&e, &h->tool, event, NULL);
	if (reason != NULL)
		json_string(&e.json, "reason", reason);
	tell_end(&e, &h->tool);
}

void
http_wrong(struct http *h)
{
	http_tell(h, "login-failed", "wrong password");
	if (h->auth.error.text[0] != '\0')
		tool_say(&h->tool, "%s; who guesses waits a second",
		    h->auth.error.text);
}

struct listing *
http_listing(struct http *h, struct listing_source *s, const char *name)
{
	struct listing *l;
	struct diag d;

	listing_begin(s, &h->tool);
	l = name != NULL ? listing_take_one(s, name, &d) :
	    listing_take(s, NULL, &d);
	if (l == NULL) {
		listing_end(s);
		http_error(h, 503, "%s", d.text);
	}
	return l;
}

const char *
http_name(struct http *h)
{
	const char *name = h->match.args[0];

	if (name_valid(name))
		return name;
	http_error(h, 404, "there is no export of that name");
	return NULL;
}

/* --- who may -------------------------------------------------------------- */

static void
refuse(struct http *h, enum auth_verdict verdict)
{
	switch (verdict) {
	case AUTH_WAIT:
		http_error(h, 429, "too many wrong passwords from %s; try "
		    "again in %u s", h->request.address, h->auth.wait);
		h->answer.retry = h->auth.wait;
		break;
	case AUTH_BROKEN:
		http_error(h, 500, "%s", h->auth.error.text);
		break;
	case AUTH_WRONG:
		http_wrong(h);
		http_error(h, 401, "the password is wrong");
		break;
	default:
		if (h->match.route->who == WHO_OPERATOR)
			answer_redirect(&h->answer, h->request.base,
			    "/ui/login");
		else
			http_error(h, 401, "the admin password is needed: "
			    "Authorization: Bearer PASSWORD, or log in");
	}
}

static bool
may(struct http *h)
{
	enum auth_verdict verdict;

	snprintf(h->who, sizeof(h->who), "%s over HTTP", h->request.address);
	if (h->match.route->who == WHO_ANYONE)
		return true;
	verdict = auth_request(&h->auth, &h->request);
	if (verdict != AUTH_YES) {
		refuse(h, verdict);
		return false;
	}
	h->admin = true;
	if (!h->auth.open)
		snprintf(h->who, sizeof(h->who), "admin from %s over HTTP",
		    h->request.address);
	else if (strcmp(h->request.method, "GET") != 0)
		tool_say(&h->tool, "no admin password is set: %s may change "
		    "exports", h->request.address);
	return true;
}

/* --- the body ------------------------------------------------------------- */

static bool
right_type(struct http *h)
{
	static const char *const types[] = { [BODY_JSON] = "application/json",
		[BODY_FORM] = "application/x-www-form-urlencoded" };
	const char *type = types[h->match.route->body];

	if (type == NULL || request_is(&h->request, type))
		return true;
	http_error(h, 415, "the body is to be %s", type);
	return false;
}

static bool
read_body(struct http *h)
{
	unsigned status = 400;
	struct diag d;

	if (strcmp(h->match.route->method, "GET") == 0)
		return true;
	if (!request_same_origin(&h->request)) {
		http_error(h, 403, "this was sent by a page of another site");
		return false;
	}
	if (!right_type(h))
		return false;
	if (request_read(&h->request, STDIN_FILENO, &status, &d) == 0)
		return true;
	http_error(h, status, "%s", d.text);
	return false;
}

/* --- all of it ------------------------------------------------------------ */

static void
dispatch(struct http *h)
{
	unsigned status;

	/* "/nbdmux" is the page "/nbdmux/". */
	if (h->request.path[0] == '\0') {
		answer_redirect(&h->answer, h->request.base, "/");
		return;
	}
	status = route_find(&h->match, http_routes, h->request.method,
	    h->request.path);
	if (status == 404)
		http_error(h, 404, "there is nothing at this address");
	else if (status == 405) {
		http_error(h, 405, "this address has the methods %s alone",
		    h->match.allow);
		snprintf(h->answer.allow, sizeof(h->answer.allow), "%s",
		    h->match.allow);
	} else if (may(h) && read_body(h))
		h->match.route->run(h);
}

int
http_run(struct http *h)
{
	dispatch(h);
	return answer_send(&h->answer, stdout,
	    strcmp(h->request.method, "HEAD") == 0);
}
