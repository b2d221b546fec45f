/* healthz: GET /healthz, what load balancers and containers ask. */
#include "base/json.h"
#include "http/handshake.h"
#include "http/http.h"

#define LIMIT_MS 1000

static int
ask(struct http *h, struct diag *d)
{
	struct server s;
	int rc;

	if (server_open(&s, &h->tool, d) != 0)
		return -1;
	rc = s.pid == 0 ? diag_set(d, "nbdmuxd does not run") :
	    handshake_try(s.state.listen, LIMIT_MS, d);
	server_close(&s);
	return rc;
}

void
healthz_show(struct http *h)
{
	struct diag d;
	bool well = ask(h, &d) == 0;
	unsigned status = well ? 200 : 503;
	struct json j = { 0 };

	if (!request_accepts(&h->request, ANSWER_JSON)) {
		fprintf(answer_begin(&h->answer, status, ANSWER_TEXT), "%s\n",
		    well ? "ok" : d.text);
		return;
	}
	j.out = answer_begin(&h->answer, status, ANSWER_JSON);
	json_open(&j, NULL, '{');
	json_string(&j, "status", well ? "ok" : "error");
	json_string(&j, "service", "nbdmux");
	json_string(&j, "version", NBDMUX_VERSION);
	if (!well) {
		json_string(&j, "error", d.text);
		json_string(&j, "detail", d.text);
	}
	json_close(&j, '}');
	fputc('\n', j.out);
}
