/* nbdmuxd: serves the exports of a spool directory over NBD. */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/unistd.h>

#include "loop/daemon.h"
#include "loop/stdio.h"
#include "spool/config.h"

#define OPT_VERSION 256
#define OPT_HELP 257
#define OPT_STDIO 258
#define OPT_KEY 512 /* and the row of config_keys above it */

extern char **environ;

static const struct option fixed[] = {
	{ "config", required_argument, NULL, 'C' },
	{ "spool", required_argument, NULL, 's' },
	{ "state", required_argument, NULL, 'S' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "daemonize", no_argument, NULL, 'd' },
	{ "test", no_argument, NULL, 't' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "stdio", required_argument, NULL, OPT_STDIO },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static int
help(void)
{
	struct buf b;

	buf_init(&b, 65536);
	if (keys_help(config_keys, &b) == -1)
		err(1, "cannot print the help");
	printf("usage: nbdmuxd [-fdtv] [-C FILE] [-s SPOOL] [-S STATE] "
	    "[--KEY=VALUE ...]\n"
	    "       nbdmuxd --stdio NAME [-v] [-C FILE] [-s SPOOL] "
	    "[--KEY=VALUE ...]\n\n"
	    "Serves the disk images named in the spool directory over NBD.\n\n"
	    "  -C, --config=FILE   configuration [%s]\n"
	    "  -s, --spool=DIR     the exports, NAME.ini each [%s]\n"
	    "  -S, --state=DIR     what the daemon says of itself [%s]\n"
	    "  -f, --foreground    stay in the foreground (the default)\n"
	    "  -d, --daemonize     go to the background when clients can "
	    "connect\n"
	    "  -t, --test          check the configuration and the spool, "
	    "and exit\n"
	    "  -v, --verbose       log everything\n"
	    "      --stdio=NAME    serve one client of that export on standard "
	    "input and\n"
	    "                      output, and exit\n"
	    "      --version       print the version\n"
	    "      --help          print this\n\n"
	    "Every key of the configuration is an option as well:\n%s\n"
	    "SIGHUP reads the configuration and the spool again; SIGTERM "
	    "answers what is\nin flight and ends.  See nbdmuxd(8).\n",
	    PLACES_CONF, PLACES_SPOOL, PLACES_STATE, b.data);
	buf_free(&b);
	return 0;
}

static void
usage(void)
{
	fprintf(stderr, "usage: nbdmuxd [-fdtv] [-C FILE] [-s SPOOL] "
	    "[-S STATE] [--KEY=VALUE ...]\n"
	    "       nbdmuxd --stdio NAME [-v] [-C FILE] [-s SPOOL] "
	    "[--KEY=VALUE ...]\n"
	    "nbdmuxd --help lists all keys\n");
	exit(2);
}

/* setproctitle(3) writes over the arguments, so the options get copies. */
static char **
copy_arguments(int argc, char **argv)
{
	char **copy = calloc((size_t)argc + 1, sizeof(*copy));

	for (int i = 0; copy != NULL && i < argc; i++)
		if ((copy[i] = strdup(argv[i])) == NULL)
			return NULL;
	return copy;
}

/* What the options ask for beside a daemon. */
struct asked {
	bool test;
	const char *stdio; /* the export's name, or NULL */
};

static void
parse(int argc, char **argv, struct daemon_options *o, struct asked *asked,
    struct override *overrides, const struct option *options)
{
	int c;

	while ((c = getopt_long(argc, argv, "C:s:S:fdtv", options, NULL)) !=
	    -1) {
		switch (c) {
		case 'C':
			o->places.conf = optarg;
			o->places.conf_given = 1;
			break;
		case 's':
			o->places.spool = optarg;
			break;
		case 'S':
			o->places.state = optarg;
			break;
		case 'f':
			o->background = false;
			break;
		case 'd':
			o->background = true;
			break;
		case 't':
			asked->test = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case OPT_STDIO:
			asked->stdio = optarg;
			break;
		case OPT_VERSION:
			printf("nbdmuxd (nbdmux) %s\n", NBDMUX_VERSION);
			exit(0);
		case OPT_HELP:
			exit(help());
		case '?':
			usage();
			break;
		default:
			overrides[o->count].name =
			    config_keys[c - OPT_KEY].name;
			overrides[o->count++].value = optarg;
			break;
		}
	}
	if (optind != argc) {
		warnx("there are only options, and \"%s\" is none; exports "
		    "are named in the spool", argv[optind]);
		usage();
	}
	if (asked->stdio != NULL && (asked->test || o->background))
		errx(2, "--stdio serves here and now; it goes neither with -t "
		    "nor with -d");
}

int
main(int argc, char **argv)
{
	struct daemon_options o = { 0 };
	char **args = copy_arguments(argc, argv);
	struct override *overrides = calloc((size_t)argc, sizeof(*overrides));
	struct option *options = keys_options(config_keys, fixed, OPT_KEY);
	struct asked asked = { 0 };
	int status;

	if (args == NULL || overrides == NULL || options == NULL)
		err(1, "cannot read the options");
	setproctitle_init(argc, argv, environ);
	places_init(&o.places);
	o.overrides = overrides;
	parse(argc, args, &o, &asked, overrides, options);
	status = asked.stdio != NULL ? stdio_run(&o, asked.stdio) :
	    asked.test ? daemon_test(&o) : daemon_run(&o);
	free(options);
	free(overrides);
	for (int i = 0; i < argc; i++)
		free(args[i]);
	free(args);
	return status;
}
