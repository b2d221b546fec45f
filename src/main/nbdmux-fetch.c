/* nbdmux-fetch: get the images of exports that have a source. */
#include "fetch/run.h"
#include "tool/options.h"

#include <bsd/stdlib.h>

enum { OPTION_REFRESH = 256, OPTION_JOB, OPTION_TRIES, OPTION_STALL,
	OPTION_NETBOOT, OPTION_CHECK };

static const struct option_row rows[] = {
	{ 'q', "quiet", NULL, "no progress, and nothing of what is unchanged" },
	{ OPTION_REFRESH, "refresh", NULL,
	    "fetch again what has changed on the server" },
	{ OPTION_TRIES, "tries", "COUNT",
	    "give up after so many in vain [5]" },
	{ OPTION_STALL, "stall", "S",
	    "give up a connection that is silent for so long [60]" },
	{ OPTION_NETBOOT, "netboot", "FILE",
	    "publish this bundle as what boots the export" },
	{ OPTION_CHECK, "check", NULL,
	    "with --netboot: say what would be done, and do nothing" },
	{ OPTION_JOB, "job", NULL, "as the daemon does it: silent, and "
	    "ended with it" },
	{ 0 }
};

static int
number(const struct options *o, const char *option, unsigned *n)
{
	const char *error;

	*n = (unsigned)strtonum(optarg, 1, 86400, &error);
	if (error == NULL)
		return 0;
	options_wrong(o, "--%s: \"%s\" is %s; right is a number from 1 to "
	    "86400", option, optarg, error);
	return OPTIONS_BAD;
}

static int
one(const struct options *o, struct run *r, int c)
{
	switch (c) {
	case 'q':
		r->quiet = true;
		return 0;
	case OPTION_REFRESH:
		r->refresh = true;
		return 0;
	case OPTION_JOB:
		r->job = true;
		return 0;
	case OPTION_NETBOOT:
		r->netboot = optarg;
		return 0;
	case OPTION_CHECK:
		r->check = true;
		return 0;
	case OPTION_TRIES:
		return number(o, "tries", &r->tries);
	default:
		return number(o, "stall", &r->stall);
	}
}

static int
check_together(const struct options *o, const struct run *r)
{
	if (r->job && r->count != 1)
		options_wrong(o, "--job is for one export");
	else if (r->netboot != NULL && r->count != 1)
		options_wrong(o, "--netboot is for one export");
	else if (r->netboot != NULL && (r->job || r->refresh))
		options_wrong(o, "--netboot fetches nothing");
	else if (r->check && r->netboot == NULL)
		options_wrong(o, "--check goes with --netboot");
	else
		return 0;
	return -1;
}

/* 0: go on; else an exit status in *status. */
static int
parse(struct options *o, struct run *r, int argc, char **argv, int *status)
{
	int c = 0;

	while (c >= 0 && (c = options_next(o, argc, argv)) >= 0)
		c = one(o, r, c);
	*status = c == OPTIONS_OK ? TOOL_OK : TOOL_USAGE;
	if (c != OPTIONS_END)
		return -1;
	r->names = argv + optind;
	r->count = (size_t)(argc - optind);
	return check_together(o, r);
}

int
main(int argc, char **argv)
{
	struct run r = { .tries = 5, .stall = 60 };
	struct tool t;
	struct options o = {
		.tool = &t,
		.synopsis = "[NAME...]",
		.about = "Fetch the images of exports with a source: those "
		    "named, or all.",
		.own = rows,
	};
	int status = TOOL_FAILED;

	tool_init(&t, "nbdmux-fetch");
	if (options_begin(&o) == 0 && parse(&o, &r, argc, argv, &status) == 0)
		status = run_fetches(&t, &r);
	options_end(&o);
	tool_close(&t);
	return tool_finish(&t, status);
}
