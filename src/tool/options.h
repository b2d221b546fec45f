/*
 * options: a program's command line from one table, which drives getopt and
 * --help.  What every program has (-C -s -S --help --version) is added here.
 */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <getopt.h>

#include "base/keys.h"
#include "tool/tool.h"

struct option_row {
	int val;          /* the short option's letter, or from 256 up */
	const char *name; /* the long one, or NULL */
	const char *arg;  /* the argument's name, or NULL: it takes none */
	const char *help;
};

#define OPTIONS_MAX 64

struct options {
	/* Set by the program: */
	struct tool *tool;            /* -C, -s and -S go there */
	const char *synopsis;         /* "NAME IMAGE" */
	const char *about;            /* a sentence for --help */
	const struct option_row *own; /* the last row is zeroes */
	const struct key *keys;       /* options from a key table, or NULL */
	const char *skip;             /* but for these keys, or NULL */
	/* Filled by options_begin(): */
	struct key *rows;     /* owned: what is left of keys */
	struct option *longs; /* owned */
	char shorts[OPTIONS_MAX * 2 + 2];
};

enum {
	OPTIONS_END = -1, /* the arguments begin at optind */
	OPTIONS_OK = -2,  /* --help or --version was printed: exit 0 */
	OPTIONS_BAD = -3, /* wrong usage, said on stderr: exit 2 */
	OPTIONS_KEY = 1024 /* plus the number in rows; the value in optarg */
};

int options_begin(struct options *o); /* 0, or -1: no memory */
void options_end(struct options *o);

/* The next option's val, or one of the above. */
int options_next(struct options *o, int argc, char **argv);

/* A mistake in the arguments: says it and where help is; TOOL_USAGE. */
int options_wrong(const struct options *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
