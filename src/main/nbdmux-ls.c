/* nbdmux-ls: list exports and connections. */
#include "tool/ls.h"
#include "tool/options.h"

enum { OPTION_INTERVAL = 256, OPTION_JSON, OPTION_NAMES,
	OPTION_PROMETHEUS };

static const struct option_row rows[] = {
	{ 'l', "long", NULL,
	    "image, addresses allowed, totals since the start" },
	{ 'c', "connections", NULL,
	    "the clients instead of the exports; with -l both" },
	{ 'w', "watch", NULL, "draw again and again until a key is pressed" },
	{ OPTION_INTERVAL, "interval", "S",
	    "time between two looks [1; once 0.2]" },
	{ OPTION_JSON, "json", NULL, "everything as JSON" },
	{ OPTION_PROMETHEUS, "prometheus", NULL,
	    "metrics, in the text format of Prometheus" },
	{ OPTION_NAMES, "names", NULL, "only the names, one a line" },
	{ 0 }
};

static int
one(struct options *o, struct ls *ls, int c)
{
	struct diag d;

	switch (c) {
	case 'l':
		ls->details = true;
		return 0;
	case 'c':
		ls->connections = true;
		return 0;
	case OPTION_JSON:
		ls->json = true;
		return 0;
	case OPTION_PROMETHEUS:
		ls->metrics = true;
		return 0;
	case OPTION_NAMES:
		ls->just_names = true;
		return 0;
	case 'w':
		ls->watch = true;
		return 0;
	default:
		if (tool_seconds(optarg, &ls->interval, &d) == 0)
			return 0;
		options_wrong(o, "--interval: %s", d.text);
		return OPTIONS_BAD;
	}
}

/* 0: go on; else an exit status in *status. */
static int
parse(struct options *o, struct ls *ls, int argc, char **argv, int *status)
{
	int c = 0;

	while (c >= 0 && (c = options_next(o, argc, argv)) >= 0)
		c = one(o, ls, c);
	*status = c == OPTIONS_OK ? TOOL_OK : TOOL_USAGE;
	if (c != OPTIONS_END)
		return -1;
	if (ls->watch && (ls->json || ls->just_names || ls->metrics)) {
		options_wrong(o, "-w draws tables, not --json, --names or "
		    "--prometheus");
		return -1;
	}
	ls->names = argv + optind;
	ls->count = (size_t)(argc - optind);
	return 0;
}

int
main(int argc, char **argv)
{
	struct ls ls = { .interval = -1 };
	struct tool t;
	struct options o = {
		.tool = &t,
		.synopsis = "[NAME...]",
		.about = "List the exports, or only those named.",
		.own = rows,
	};
	int status = TOOL_FAILED;

	tool_init(&t, "nbdmux-ls");
	if (options_begin(&o) == 0 && parse(&o, &ls, argc, argv, &status) == 0)
		status = ls_run(&t, &ls);
	options_end(&o);
	tool_close(&t);
	return tool_finish(&t, status);
}
