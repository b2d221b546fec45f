/* eventlist: GET /events ?since= ?limit= ?export= ?event=. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/eventlist.h"
#include "tool/when.h"

static int
read_log(const struct http *h, struct eventlog *l,
    const struct eventlog_query *q, struct diag *d)
{
	const char *dir = h->tool.places.data;

	if (access(dir, F_OK) != 0) {
		*l = (struct eventlog) { .fd = -1 };
		return 0;
	}
	return eventlog_read(l, dir, q, d);
}

int
eventlist_read(const struct http *h, struct eventlog *l, size_t limit,
    const char *since, struct diag *d)
{
	struct eventlog_query q = { .limit = limit };
	uint64_t ns;

	if (since != NULL) {
		if (when_parse(since, clock_now(CLOCK_REALTIME), &ns, d) != 0)
			return -1;
		events_time(q.since, ns);
	}
	return read_log(h, l, &q, d);
}

static int
parse(const struct form *f, struct eventlog_query *q, char **names,
    struct diag *d)
{
	const char *limit = form_get(f, "limit"), *since = form_get(f, "since");
	char *end = NULL;
	uint64_t ns;

	q->limit = limit != NULL ? strtoul(limit, &end, 10) : EVENTLIST_LIMIT;
	if (limit != NULL && (limit[0] < '0' || limit[0] > '9' ||
	    *end != '\0' || q->limit > EVENTLIST_MOST))
		return diag_set(d, "limit: \"%.40s\" is no number from 0 to %d",
		    limit, EVENTLIST_MOST);
	if (since != NULL && since[0] != '\0') {
		if (when_parse(since, clock_now(CLOCK_REALTIME), &ns, d) != 0)
			return diag_prefix(d, "since");
		events_time(q->since, ns);
	}
	names[0] = (char *)form_get(f, "export");
	names[1] = (char *)form_get(f, "event");
	q->exports = &names[0];
	q->nexports = names[0] != NULL;
	q->events = &names[1];
	q->nevents = names[1] != NULL;
	return 0;
}

void
eventlist_show(struct http *h)
{
	struct eventlog_query q = { .limit = 0 };
	const char *query = h->request.query;
	struct eventlog l;
	char *names[2];
	struct form f;
	struct diag d;
	FILE *out;

	if (form_parse(&f, query, strlen(query), &d) != 0 ||
	    parse(&f, &q, names, &d) != 0)
		http_error(h, 400, "%s", d.text);
	else if (read_log(h, &l, &q, &d) != 0)
		http_error(h, 503, "%s", d.text);
	else {
		out = answer_begin(&h->answer, 200, ANSWER_JSON);
		fputc('[', out);
		for (size_t i = 0; i < l.count; i++)
			fprintf(out, "%s%s", i > 0 ? ",\n" : "", l.lines[i]);
		fputs("]\n", out);
		eventlog_free(&l);
	}
	form_free(&f);
}
