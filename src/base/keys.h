/*
 * keys: a typed table of a format's keys.  One table drives the reader, the
 * writer, the command line options, the lists of --help and the tests that
 * hold the manual pages against it.  The last row of a table has no name.
 */
#ifndef BASE_KEYS_H
#define BASE_KEYS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/diag.h"

enum key_type {
	KEY_STRING,  /* char *, owned; may be NULL: not set */
	KEY_SIZE,    /* uint64_t, bytes: "64k" */
	KEY_COUNT,   /* uint64_t, a plain decimal number */
	KEY_SECONDS, /* uint64_t: "10", "10s", "5m", "2h" */
	KEY_BOOL,    /* bool: yes/no, on/off, true/false, 1/0; written yes/no */
	KEY_ENUM,    /* unsigned: the index into choices */
	KEY_LIST     /* char *, owned: items, commas or blanks between; may be
	              * NULL.  Written with ", " between */
};

enum key_flag {
	KEY_REQUIRED = 1, /* must stand in the file */
	KEY_LATER = 2,    /* known, but refused: "not supported yet" */
	KEY_RESTART = 4,  /* a running daemon does not take a change of it up */
	KEY_UTF8 = 8,     /* the value must be valid UTF-8 */
	KEY_BESIDE = 32, /* says nothing of what clients are served */
	KEY_FILLED = 16   /* an empty value is an error: read as "not set" it
	                   * would allow everything */
};

struct key {
	const char *name;
	enum key_type type;
	size_t offset;              /* of the member in the struct */
	const char *value;          /* default as text; NULL: not set, 0 */
	uint64_t min, max;          /* numbers: allowed range, when max != 0 */
	const char *const *choices; /* KEY_ENUM: names, NULL at the end */
	/* A further check of one value (KEY_LIST: of each item), or NULL. */
	int (*check)(const char *value, struct diag *d);
	unsigned flags;
	const char *arg;  /* the value's name in help: "PATH", "SIZE" */
	const char *help; /* one line, no full stop */
};

/* Fill a zeroed or cleared struct with the defaults. */
int keys_init(const struct key *table, void *obj, struct diag *d);

/* Free what the struct owns; harmless on a zeroed struct. */
void keys_clear(const struct key *table, void *obj);

/* Deep copy into a zeroed struct; deep comparison. */
int keys_copy(const struct key *table, void *dst, const void *src);
bool keys_equal(const struct key *table, const void *a, const void *b);

const struct key *keys_find(const struct key *table, const char *name);

/* The name nearest to a misspelt one, or NULL. */
const char *keys_nearest(const struct key *table, const char *name);

/*
 * Parse, check and store one value.  On an error (unknown key with the
 * nearest known one, a value of the wrong type or out of range with what
 * would be right, a key for later) obj is as it was: -1 with d set.
 */
int keys_set(const struct key *table, void *obj, const char *name,
    const char *value, struct diag *d);

/*
 * Read a whole file's text of one section into obj, which keys_init() was
 * called on.  Errors are "FILE:LINE: ...".  Missing required keys are errors.
 */
int keys_parse(const struct key *table, void *obj, const char *section,
    const char *text, size_t len, const char *file, struct diag *d);

/* One value in its written form, appended to b.  Nothing when not set. */
int keys_value(const struct key *key, const void *obj, struct buf *b);

/*
 * "[section]" and a line for each key that differs from its default, or is
 * required.  -1 with d set when a value could not be read back exactly.
 */
int keys_format(const struct key *table, const void *obj, const char *section,
    struct buf *b, struct diag *d);

/*
 * getopt_long options "--name=value" for the whole table: val is base plus
 * the row's number.  extra rows (ended by a row of zeroes) come first.  The
 * caller frees the array, not the names.  KEY_LATER rows are left out.
 */
struct option *keys_options(const struct key *table,
    const struct option *extra, int base);

/* The table as help text, a line per key: "  --name=ARG   help [default]". */
int keys_help(const struct key *table, struct buf *b);

#endif
