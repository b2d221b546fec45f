/*
 * diag: one bounded line that says what went wrong.  The callee fills it,
 * the caller owns it; a NULL diag is allowed everywhere and says nothing.
 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#define DIAG_MAX 1024

struct diag {
	char text[DIAG_MAX];
};

/*
 * Set the text; longer text is cut at a character's boundary.  Returns -1,
 * so that "return diag_set(...)" reports and fails in one statement.  errno
 * is kept.
 */
int diag_set(struct diag *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, with ": " and the text of errno behind it. */
int diag_errno(struct diag *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Put more words and ": " before what d already says.  Returns -1. */
int diag_prefix(struct diag *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
