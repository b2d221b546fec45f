/* nbdmux-rm: remove exports. */
#include "tool/options.h"
#include "tool/rm.h"

enum { OPTION_KICK = 256, OPTION_WAIT, OPTION_STRICT, OPTION_CHECK,
	OPTION_TIMEOUT, OPTION_JSON };

static const struct option_row rows[] = {
	{ OPTION_KICK, "kick", NULL, "disconnect the clients" },
	{ OPTION_WAIT, "wait", NULL, "wait until the last client has gone" },
	{ OPTION_STRICT, "strict", NULL,
	    "exit with 3 when there is no such export" },
	{ OPTION_CHECK, "check", NULL,
	    "say what would be done, and do nothing" },
	{ OPTION_TIMEOUT, "timeout", "S",
	    "wait so long [5; with --wait no limit]" },
	{ OPTION_JSON, "json", NULL, "print the results as JSON" },
	{ 0 }
};

static int
one(struct options *o, struct rm *rm, int c)
{
	struct diag d;

	switch (c) {
	case OPTION_KICK:
		rm->kick = true;
		break;
	case OPTION_WAIT:
		rm->wait = true;
		break;
	case OPTION_STRICT:
		rm->strict = true;
		break;
	case OPTION_CHECK:
		rm->check = true;
		break;
	case OPTION_JSON:
		rm->json = true;
		break;
	case OPTION_TIMEOUT:
		if (tool_seconds(optarg, &rm->timeout, &d) == 0)
			break;
		options_wrong(o, "--timeout: %s", d.text);
		return OPTIONS_BAD;
	}
	return 0;
}

/* 0: go on; else an exit status in *status. */
static int
parse(struct options *o, struct rm *rm, int argc, char **argv, int *status)
{
	int c = 0;

	while (c >= 0 && (c = options_next(o, argc, argv)) >= 0)
		c = one(o, rm, c);
	*status = c == OPTIONS_OK ? TOOL_OK : TOOL_USAGE;
	if (c != OPTIONS_END)
		return -1;
	if (optind == argc) {
		options_wrong(o, "a name is needed");
		return -1;
	}
	rm->names = argv + optind;
	rm->count = (size_t)(argc - optind);
	return 0;
}

int
main(int argc, char **argv)
{
	struct rm rm = { .timeout = -1 };
	struct tool t;
	struct options o = {
		.tool = &t,
		.synopsis = "NAME...",
		.about = "Remove exports; clients that use one may finish. "
		    "'-' reads names from standard input.",
		.own = rows,
	};
	int status = TOOL_FAILED;

	tool_init(&t, "nbdmux-rm");
	if (options_begin(&o) == 0 && parse(&o, &rm, argc, argv, &status) == 0)
		status = rm_run(&t, &rm);
	options_end(&o);
	tool_close(&t);
	return tool_finish(&t, status);
}
