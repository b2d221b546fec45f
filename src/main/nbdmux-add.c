/* nbdmux-add: create or replace an export. */
#include "spool/name.h"
#include "tool/add.h"
#include "tool/options.h"
#include "tool/source.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_RAW = 256, OPTION_CHECK, OPTION_TIMEOUT, OPTION_JSON,
	OPTION_NO_WAIT, OPTION_NETBOOT };

static const struct option_row rows[] = {
	{ 'w', NULL, NULL, "clients may write: the same as --mode=rw" },
	{ 'd', NULL, "TEXT", "the same as --description=TEXT" },
	{ 'a', NULL, "CIDR,...", "the same as --allow=CIDR,..." },
	{ OPTION_RAW, "raw", NULL,
	    "serve the image's bytes whatever format they look like" },
	{ OPTION_NETBOOT, "netboot", "FILE",
	    "publish this bundle as what boots it" },
	{ OPTION_CHECK, "check", NULL,
	    "say what would be done, and do nothing" },
	{ OPTION_TIMEOUT, "timeout", "S", "wait for the daemon so long [5]" },
	{ OPTION_NO_WAIT, "no-wait", NULL,
	    "leave it to the daemon to fetch the image of a URL" },
	{ OPTION_JSON, "json", NULL, "print the result as JSON" },
	{ 0 }
};

static int
set(struct options *o, struct add *a, const char *key, const char *value)
{
	struct diag d;

	if (keys_set(record_keys, &a->record, key, value, &d) == 0)
		return 0;
	options_wrong(o, "%s", d.text);
	return OPTIONS_BAD;
}

/* The entry has absolute paths, the command line may be short. */
static int
set_path(struct options *o, struct add *a, const char *key)
{
	struct diag d;
	char *path;
	int rc;

	if (optarg[0] == '\0')
		return set(o, a, key, optarg);
	path = source_absolute(optarg, &d);
	if (path == NULL) {
		options_wrong(o, "--%s: %s", key, d.text);
		return OPTIONS_BAD;
	}
	rc = set(o, a, key, path);
	free(path);
	return rc;
}

static int
one(struct options *o, struct add *a, int c)
{
	struct diag d;
	const char *key;

	switch (c) {
	case 'w':
		return set(o, a, "mode", "rw");
	case 'd':
		return set(o, a, "description", optarg);
	case 'a':
		return set(o, a, "allow", optarg);
	case OPTION_RAW:
		a->raw = true;
		return 0;
	case OPTION_CHECK:
		a->check = true;
		return 0;
	case OPTION_JSON:
		a->json = true;
		return 0;
	case OPTION_NO_WAIT:
		a->no_wait = true;
		return 0;
	case OPTION_NETBOOT:
		a->netboot = optarg;
		return 0;
	case OPTION_TIMEOUT:
		if (tool_seconds(optarg, &a->timeout, &d) == 0)
			return 0;
		options_wrong(o, "--timeout: %s", d.text);
		return OPTIONS_BAD;
	default:
		key = o->rows[c - OPTIONS_KEY].name;
		if (strcmp(key, "kernel") == 0 || strcmp(key, "initrd") == 0)
			return set_path(o, a, key);
		return set(o, a, key, optarg);
	}
}

/* 0: go on; else an exit status in *status. */
static int
parse(struct options *o, struct add *a, int argc, char **argv, int *status)
{
	struct diag d;
	int c = 0;

	while (c >= 0 && (c = options_next(o, argc, argv)) >= 0)
		c = one(o, a, c);
	*status = c == OPTIONS_OK ? TOOL_OK : TOOL_USAGE;
	if (c != OPTIONS_END)
		return -1;
	if (argc - optind != 2) {
		options_wrong(o, argc - optind < 2 ?
		    "a name and an image are needed" :
		    "one name and one image are all that fits");
		return -1;
	}
	if (a->netboot != NULL && (a->record.kernel != NULL ||
	    a->record.initrd != NULL)) {
		options_wrong(o, "--netboot has a kernel; --kernel and "
		    "--initrd do not go with it");
		return -1;
	}
	a->name = argv[optind];
	a->image = argv[optind + 1];
	if (name_check(a->name, &d) != 0) {
		options_wrong(o, "%s", d.text);
		return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct add a = { .timeout = ADD_TIMEOUT };
	struct tool t;
	struct options o = {
		.tool = &t,
		.synopsis = "NAME IMAGE|URL",
		.about = "Serve an image (a file, a block device, or what is "
		    "fetched from a URL) as the\nexport NAME, or change how.",
		.own = rows,
		.keys = record_keys,
		.skip = "image source", /* the last argument */
	};
	int status = TOOL_FAILED;

	tool_init(&t, "nbdmux-add");
	record_init(&a.record);
	if (options_begin(&o) == 0 && parse(&o, &a, argc, argv, &status) == 0)
		status = add_run(&t, &a);
	options_end(&o);
	record_clear(&a.record);
	tool_close(&t);
	return tool_finish(&t, status);
}
