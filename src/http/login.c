/* login: the form, the cookie, and its end. */
#include <string.h>

#include "http/http.h"
#include "http/page.h"

void
login_form(struct http *h)
{
	if (h->auth.open)
		answer_redirect(&h->answer, h->request.base, "/");
	else
		page_login(h, 200, NULL);
}

static void
let_in(struct http *h)
{
	snprintf(h->who, sizeof(h->who), "admin from %s over HTTP",
	    h->request.address);
	answer_redirect(&h->answer, h->request.base, "/");
	if (!h->auth.open && auth_cookie(&h->auth, &h->request,
	    h->answer.cookie, sizeof(h->answer.cookie)) != 0) {
		h->answer.location[0] = '\0';
		http_error(h, 503, "%s", h->auth.error.text);
		return;
	}
	http_tell(h, "login", NULL);
}

static void
keep_out(struct http *h, enum auth_verdict verdict)
{
	struct diag d;

	switch (verdict) {
	case AUTH_WAIT:
		diag_set(&d, "too many wrong passwords; try again in %u s",
		    h->auth.wait);
		h->answer.retry = h->auth.wait;
		page_login(h, 429, d.text);
		break;
	case AUTH_WRONG:
		http_wrong(h);
		page_login(h, 401, "the password is wrong");
		break;
	default:
		http_error(h, 500, "%s", h->auth.error.text);
	}
}

void
login_post(struct http *h)
{
	const struct buf *body = &h->request.body;
	enum auth_verdict verdict;
	const char *password;
	struct form f;
	struct diag d;

	if (form_parse(&f, body->len > 0 ? body->data : "", body->len,
	    &d) != 0) {
		page_login(h, 400, d.text);
		form_free(&f);
		return;
	}
	password = form_get(&f, "password");
	if (password == NULL && !h->auth.open)
		page_login(h, 400, "a password is needed");
	else if ((verdict = auth_password(&h->auth, h->request.address,
	    password != NULL ? password : "")) == AUTH_YES)
		let_in(h);
	else
		keep_out(h, verdict);
	form_free(&f);
}

void
login_end(struct http *h)
{
	answer_redirect(&h->answer, h->request.base,
	    h->auth.open ? "/" : "/ui/login");
	auth_cookie_end(&h->request, h->answer.cookie,
	    sizeof(h->answer.cookie));
}
