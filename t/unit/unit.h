/*
 * unit: the smallest test harness that prints TAP.  A test is a function
 * whose name is a sentence; CHECK failures name file, line and expression.
 *
 *	TEST(sizes_that_overflow_are_refused) { CHECK(size_parse(...) == -1); }
 *	int main(void) { RUN(sizes_that_overflow_are_refused); return DONE(); }
 */
#ifndef T_UNIT_H
#define T_UNIT_H

#include <stdio.h>
#include <string.h>

static int unit_count, unit_failed, unit_bad;

#define TEST(name) static void name(void)

#define CHECK(expr)                                                       \
	do {                                                              \
		if (!(expr)) {                                            \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #expr); \
			unit_bad++;                                       \
		}                                                         \
	} while (0)

#define CHECK_STR(got, want)                                              \
	do {                                                              \
		const char *g_ = (got), *w_ = (want);                     \
		if (g_ == NULL || strcmp(g_, w_) != 0) {                  \
			printf("# %s:%d: %s is \"%s\", not \"%s\"\n",     \
			    __FILE__, __LINE__, #got, g_ ? g_ : "NULL", w_); \
			unit_bad++;                                       \
		}                                                         \
	} while (0)

#define RUN(name)                                                         \
	do {                                                              \
		unit_bad = 0;                                             \
		name();                                                   \
		if (unit_bad)                                             \
			unit_failed++;                                    \
		printf("%s %d - %s\n", unit_bad ? "not ok" : "ok",        \
		    ++unit_count, #name);                                 \
	} while (0)

#define DONE() (printf("1..%d\n", unit_count), unit_failed != 0)

#endif
