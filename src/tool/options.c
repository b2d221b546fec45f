/* options: getopt_long and the text of --help from one table. */
#include <bsd/string.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tool/options.h"

#define HELP_COLUMN 26

enum { OPTION_HELP = 512, OPTION_VERSION };

static const struct option_row common[] = {
	{ 'C', NULL, "FILE", "configuration [" PLACES_CONF "]" },
	{ 's', NULL, "DIR", "spool directory [" PLACES_SPOOL "]" },
	{ 'S', NULL, "DIR", "the daemon's state directory [" PLACES_STATE "]" },
	{ OPTION_HELP, "help", NULL, "print this text" },
	{ OPTION_VERSION, "version", NULL, "print the version" },
	{ 0, NULL, NULL, NULL }
};

/* --- getopt's tables ------------------------------------------------------ */

static size_t
add_rows(struct options *o, const struct option_row *rows,
    struct option *longs)
{
	size_t count = 0;

	for (; rows->val != 0; rows++) {
		if (rows->val < 256) {
			char letter[3] = { (char)rows->val,
				rows->arg != NULL ? ':' : '\0', '\0' };

			strlcat(o->shorts, letter, sizeof(o->shorts));
		}
		if (rows->name != NULL)
			longs[count++] = (struct option) { rows->name,
				rows->arg != NULL ? required_argument :
				no_argument, NULL, rows->val };
	}
	return count;
}

static bool
listed(const char *list, const char *word)
{
	const char *cursor = list, *item;
	size_t len;

	while (list != NULL && (item = text_item(&cursor, &len)) != NULL)
		if (strlen(word) == len && memcmp(item, word, len) == 0)
			return true;
	return false;
}

/* The keys that are options of this program; the last row has no name. */
static struct key *
take_keys(const struct options *o)
{
	struct key *rows = calloc(OPTIONS_MAX + 1, sizeof(*rows));
	size_t count = 0;

	if (rows == NULL)
		return NULL;
	for (const struct key *k = o->keys; k != NULL && k->name != NULL &&
	    count < OPTIONS_MAX; k++)
		if (!listed(o->skip, k->name))
			rows[count++] = *k;
	return rows;
}

int
options_begin(struct options *o)
{
	struct option longs[2 * OPTIONS_MAX] = { { 0 } };
	size_t count;

	strlcpy(o->shorts, ":", sizeof(o->shorts));
	count = add_rows(o, o->own, longs);
	add_rows(o, common, longs + count);
	if ((o->rows = take_keys(o)) == NULL)
		return -1;
	o->longs = keys_options(o->rows, longs, OPTIONS_KEY);
	opterr = 0;
	optind = 1;
	return o->longs != NULL ? 0 : -1;
}

void
options_end(struct options *o)
{
	free(o->longs);
	free(o->rows);
	o->longs = NULL;
	o->rows = NULL;
}

/* --- --help --------------------------------------------------------------- */

static void
help_row(const struct option_row *row)
{
	char left[64];
	int len = 0;

	if (row->val < 256)
		len = snprintf(left, sizeof(left), "  -%c", row->val);
	if (row->name != NULL)
		len += snprintf(left + len, sizeof(left) - (size_t)len,
		    row->val < 256 ? ", --%s" : "  --%s", row->name);
	if (row->arg != NULL)
		snprintf(left + len, sizeof(left) - (size_t)len,
		    row->name != NULL ? "=%s" : " %s", row->arg);
	printf("%-*s %s\n", HELP_COLUMN - 1, left, row->help);
}

static int
help(const struct options *o)
{
	struct buf keys;

	printf("usage: %s [options] %s\n%s\n\n", o->tool->program, o->synopsis,
	    o->about);
	for (const struct option_row *r = o->own; r->val != 0; r++)
		help_row(r);
	for (const struct option_row *r = common; r->val != 0; r++)
		help_row(r);
	buf_init(&keys, 64 * 1024);
	if (o->keys != NULL && keys_help(o->rows, &keys) == 0)
		printf("\nWhat the export's file can say:\n%s", keys.data);
	buf_free(&keys);
	return OPTIONS_OK;
}

static int
version(const struct options *o)
{
	printf("%s (nbdmux) %s\n", o->tool->program, NBDMUX_VERSION);
	return OPTIONS_OK;
}

/* --- one option after the other ------------------------------------------- */

int
options_wrong(const struct options *o, const char *fmt, ...)
{
	char text[DIAG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return tool_fail(o->tool, TOOL_USAGE, "%s; %s --help lists the options",
	    text, o->tool->program);
}

static int
unknown(const struct options *o, const char *arg)
{
	size_t count = 0;
	char word[64];
	const char *near = NULL;

	if (optopt != 0 && strncmp(arg, "--", 2) == 0) {
		options_wrong(o, "%.*s takes no value", (int)strcspn(arg, "="),
		    arg);
		return OPTIONS_BAD;
	}
	if (optopt != 0) {
		options_wrong(o, "unknown option -%c", optopt);
		return OPTIONS_BAD;
	}
	while (o->longs[count].name != NULL)
		count++;
	strlcpy(word, arg + 2, sizeof(word));
	word[strcspn(word, "=")] = '\0';
	near = text_nearest(word, &o->longs[0].name, count, sizeof(*o->longs));
	if (near != NULL)
		options_wrong(o, "unknown option --%s, did you mean --%s?",
		    word, near);
	else
		options_wrong(o, "unknown or ambiguous option --%s", word);
	return OPTIONS_BAD;
}

static int
no_value(const struct options *o, const char *arg)
{
	options_wrong(o, "%s needs a value", arg);
	return OPTIONS_BAD;
}

int
options_next(struct options *o, int argc, char **argv)
{
	for (;;) {
		int c = getopt_long(argc, argv, o->shorts, o->longs, NULL);

		switch (c) {
		case 'C':
			o->tool->places.conf = optarg;
			o->tool->places.conf_given = 1;
			break;
		case 's':
			o->tool->places.spool = optarg;
			break;
		case 'S':
			o->tool->places.state = optarg;
			break;
		case OPTION_HELP:
			return help(o);
		case OPTION_VERSION:
			return version(o);
		case '?':
			return unknown(o, argv[optind - 1]);
		case ':':
			return no_value(o, argv[optind - 1]);
		default:
			return c;
		}
	}
}
