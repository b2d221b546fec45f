/*
 * nbdmux.cgi: one HTTP request, as a web server starts it; or, on the command
 * line, a look at whether it could.
 */
#include <stdlib.h>

#include "http/check.h"
#include "http/http.h"
#include "tool/options.h"

enum { OPTION_CHECK = 256, OPTION_USER };

static const struct option_row rows[] = {
	{ OPTION_CHECK, "check", NULL, "say what is missing for the web server" },
	{ OPTION_USER, "user", "NAME", "the web server's [" CHECK_USER "]" },
	{ 0 }
};

/* The web server's arguments are the client's: they are not looked at. */
static int
serve(void)
{
	struct http h;
	int status = 1;

	if (http_init(&h) == 0)
		status = http_run(&h) == 0 ? 0 : 1;
	http_free(&h);
	return status;
}

/* Options go to the environment, where http_init() finds them, too. */
static void
keep_places(const struct tool *t)
{
	if (t->places.conf_given)
		setenv("NBDMUX_CONF", t->places.conf, 1);
	setenv("NBDMUX_SPOOL", t->places.spool, 1);
	setenv("NBDMUX_STATE", t->places.state, 1);
}

static int
check(struct tool *t, const char *user)
{
	struct http h;
	int status = TOOL_FAILED;

	keep_places(t);
	if (http_init(&h) == 0)
		status = check_run(&h, user);
	http_free(&h);
	return status;
}

static int
command_line(struct options *o, int argc, char **argv)
{
	const char *user = CHECK_USER;
	bool checking = false;
	int c = 0;

	while ((c = options_next(o, argc, argv)) >= 0) {
		if (c == OPTION_CHECK)
			checking = true;
		else
			user = optarg;
	}
	if (c == OPTIONS_OK)
		return TOOL_OK;
	if (c == OPTIONS_BAD)
		return TOOL_USAGE;
	if (optind < argc || !checking)
		return options_wrong(o, optind < argc ? "no argument is "
		    "wanted" : "a web server runs this; you can --check it");
	return check(o->tool, user);
}

int
main(int argc, char **argv)
{
	struct tool t;
	struct options o = {
		.tool = &t,
		.synopsis = "--check",
		.about = "Answer an HTTP request; a web server runs this.",
		.own = rows,
	};
	int status = TOOL_FAILED;

	if (getenv("GATEWAY_INTERFACE") != NULL)
		return serve();
	tool_init(&t, HTTP_PROGRAM);
	if (options_begin(&o) == 0)
		status = command_line(&o, argc, argv);
	options_end(&o);
	tool_close(&t);
	return tool_finish(&t, status);
}
