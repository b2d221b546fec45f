/* clients: GET /clients, the connections of a listing. */
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "http/exports.h"

static void
put_client(struct json *j, const struct listing *l,
    const struct listing_row *r, const struct stats_conn_row *c)
{
	char id[32], since[32];

	snprintf(id, sizeof(id), "%llx", (unsigned long long)c->started);
	json_open(j, NULL, '{');
	json_string(j, "id", id);
	json_string(j, "client", c->address);
	json_string(j, "export", r->name);
	json_number(j, "generation", c->generation);
	json_bool(j, "current", exports_current(r, c));
	json_bool(j, "tls", c->tls);
	json_string(j, "since", text_time(since, sizeof(since),
	    (long long)(c->started / 1000000000)));
	json_real(j, "age", l->stats.taken > c->started ?
	    (double)(l->stats.taken - c->started) / 1e9 : 0);
	json_number(j, "bytes_read", c->totals.bytes_read);
	json_number(j, "bytes_written", c->totals.bytes_written);
	json_number(j, "requests", listing_requests(&c->totals));
	json_number(j, "errors", c->totals.errors);
	json_close(j, '}');
}

void
clients_list(struct http *h)
{
	struct listing_source s;
	struct listing *l = http_listing(h, &s, NULL);
	struct json j = { 0 };

	if (l == NULL)
		return;
	j.out = answer_begin(&h->answer, 200, ANSWER_JSON);
	json_open(&j, NULL, '[');
	for (const struct listing_row *r = l->rows; r < l->rows + l->count; r++)
		for (size_t i = 0; i < r->clients; i++)
			put_client(&j, l, r, &r->conns[i]);
	json_close(&j, ']');
	fputc('\n', j.out);
	listing_free(l);
	listing_end(&s);
}
