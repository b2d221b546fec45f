/* healthz: GET /healthz, what load balancers and containers ask. */
#include <string.h>

#include <bsd/string.h>

#include "base/json.h"
#include "base/text.h"
#include "http/handshake.h"
#include "http/healthz.h"

#define LIMIT_MS 1000

void
healthz_ask(struct health *y, struct http *h)
{
	struct server s;

	memset(y, 0, sizeof(*y));
	if (server_open(&s, &h->tool, &y->error) != 0)
		return;
	if (s.pid != 0) {
		y->started = s.state.started;
		strlcpy(y->listen, s.state.listen != NULL ? s.state.listen :
		    "", sizeof(y->listen));
		if (s.state.error != NULL)
			diag_set(&y->warning, "%s", s.state.error);
		y->well = handshake_try(s.state.listen, LIMIT_MS,
		    &y->error) == 0;
	} else
		diag_set(&y->error, "nbdmuxd does not run");
	server_close(&s);
}

static void
put(struct json *j, const struct health *y)
{
	char when[32];

	json_open(j, NULL, '{');
	json_string(j, "status", y->well ? "ok" : "error");
	json_string(j, "service", "nbdmux");
	json_string(j, "version", NBDMUX_VERSION);
	json_string(j, "listen", y->started != 0 ? y->listen : NULL);
	json_string(j, "started_at", y->started != 0 ? text_time(when,
	    sizeof(when), (long long)y->started) : NULL);
	json_string(j, "warning", y->warning.text[0] != '\0' ?
	    y->warning.text : NULL);
	if (!y->well) {
		json_string(j, "error", y->error.text);
		json_string(j, "detail", y->error.text);
	}
	json_close(j, '}');
}

void
healthz_show(struct http *h)
{
	struct json j = { 0 };
	struct health y;
	unsigned status;

	healthz_ask(&y, h);
	status = y.well ? 200 : 503;
	if (!request_accepts(&h->request, ANSWER_JSON)) {
		fprintf(answer_begin(&h->answer, status, ANSWER_TEXT), "%s\n",
		    y.well ? "ok" : y.error.text);
		return;
	}
	j.out = answer_begin(&h->answer, status, ANSWER_JSON);
	put(&j, &y);
	fputc('\n', j.out);
}
