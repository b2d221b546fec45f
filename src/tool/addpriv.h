/* addpriv: what the files of add share. */
#ifndef TOOL_ADDPRIV_H
#define TOOL_ADDPRIV_H

#include "tool/add.h"
#include "tool/submission.h"

struct adding {
	struct tool *tool;
	struct add *add;
	struct submission sub;
	const char *word;  /* added, changed, unchanged */
	struct diag error; /* what went wrong, for --json */
};

/* The result on standard output. */
void add_report(const struct adding *a, bool served);

/* What went wrong, on stderr and in the JSON; word: what was done anyway. */
int add_trouble(struct adding *a, int status, const char *word);

/* With a source: what is served now stays so until the new image is there. */
int add_keep_image(struct adding *a, struct diag *d);

/* The last fetch for this version of the entry has failed. */
bool add_fetch_failed(const struct adding *a);

/*
 * What boots it, by the entry's keys or the bundle that was given, as it is
 * published once the entry stays; and whether that could be done.  0 or -1
 * with error set.
 */
int add_boot(struct adding *a);
int add_boot_look(struct adding *a);

/*
 * The entry has a source, and this was the daemon's first answer: see it
 * fetched, or say who will.  An exit status.
 */
int add_follow(struct adding *a, enum answer answer);

#endif
