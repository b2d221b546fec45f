/* nbdmux-events: what happened, and what happens now. */
#include <stdlib.h>

#include "base/clock.h"
#include "tool/history.h"
#include "tool/options.h"
#include "tool/when.h"

enum { OPTION_SINCE = 256, OPTION_LIMIT, OPTION_JSON, OPTION_EVENT };

static const struct option_row rows[] = {
	{ 'f', "follow", NULL, "and those to come, until interrupted" },
	{ OPTION_SINCE, "since", "TIME",
	    "from 10m, 2h or 3d ago, or 2026-11-22T03:04:05Z, on" },
	{ OPTION_LIMIT, "limit", "COUNT",
	    "no more than the newest so many [100; -f 10; --since all]" },
	{ OPTION_EVENT, "event", "PATTERN",
	    "only these, as client-*; may be repeated" },
	{ OPTION_JSON, "json", NULL, "JSON, one object a line" },
	{ 0 }
};

static int
limit(struct options *o, struct history *h)
{
	char *end;
	unsigned long count = strtoul(optarg, &end, 10);

	if (optarg[0] >= '0' && optarg[0] <= '9' && *end == '\0' &&
	    count <= EVENTLOG_MAX) {
		h->query.limit = count;
		return 0;
	}
	options_wrong(o, "--limit: \"%s\" is no number from 0 to %d", optarg,
	    EVENTLOG_MAX);
	return OPTIONS_BAD;
}

static int
since(struct options *o, struct history *h)
{
	struct diag d;
	uint64_t ns;

	if (when_parse(optarg, clock_now(CLOCK_REALTIME), &ns, &d) == 0) {
		events_time(h->query.since, ns);
		return 0;
	}
	options_wrong(o, "--since: %s", d.text);
	return OPTIONS_BAD;
}

static int
one(struct options *o, struct history *h, char **events, int c)
{
	switch (c) {
	case 'f':
		h->follow = true;
		return 0;
	case OPTION_JSON:
		h->json = true;
		return 0;
	case OPTION_LIMIT:
		return limit(o, h);
	case OPTION_EVENT:
		events[h->query.nevents++] = optarg;
		return 0;
	default:
		return since(o, h);
	}
}

/* 0: go on; else an exit status in *status. */
static int
parse(struct options *o, struct history *h, char **events, int argc,
    char **argv, int *status)
{
	int c = 0;

	h->query.limit = SIZE_MAX;
	h->query.events = events;
	while (c >= 0 && (c = options_next(o, argc, argv)) >= 0)
		c = one(o, h, events, c);
	*status = c == OPTIONS_OK ? TOOL_OK : TOOL_USAGE;
	if (c != OPTIONS_END)
		return -1;
	if (h->query.limit == SIZE_MAX)
		h->query.limit = h->query.since[0] != '\0' ? EVENTLOG_MAX :
		    h->follow ? HISTORY_FOLLOWED : HISTORY_LIMIT;
	h->query.exports = argv + optind;
	h->query.nexports = (size_t)(argc - optind);
	return 0;
}

int
main(int argc, char **argv)
{
	struct history h = { .follow = false };
	char **events = calloc((size_t)argc, sizeof(*events));
	struct tool t;
	struct options o = {
		.tool = &t,
		.synopsis = "[NAME...]",
		.about = "Print what happened, of all exports or of those that "
		    "match a NAME.",
		.own = rows,
	};
	int status = TOOL_FAILED;

	tool_init(&t, "nbdmux-events");
	if (events != NULL && options_begin(&o) == 0 &&
	    parse(&o, &h, events, argc, argv, &status) == 0)
		status = history_run(&t, &h);
	options_end(&o);
	tool_close(&t);
	free(events);
	return tool_finish(&t, status);
}
