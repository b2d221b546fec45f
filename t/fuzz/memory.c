/*
 * memory: allocations that fail, but only while the session is at work: what
 * the fuzzer's host needs for itself it gets.  The linker puts these functions
 * in the place of those that they are named after (--wrap).
 */
#include <stdlib.h>

#include "memory.h"
#include "session/session.h"

static unsigned left;  /* allocations until one fails; 0: none will */
static unsigned again; /* and how many until the next */
static unsigned depth; /* in calls of the session */

void
memory_fail(unsigned first, unsigned every)
{
	left = first;
	again = every;
}

static int
fails(void)
{
	if (depth == 0 || left == 0 || --left > 0)
		return 0;
	left = again;
	return 1;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *
__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

/* --- the session at work ----------------------------------------------------- */

enum session_verdict __real_session_run(struct session *s, const void *data,
    size_t len, size_t *used);
enum session_verdict __wrap_session_run(struct session *s, const void *data,
    size_t len, size_t *used);
void __real_session_complete(struct io *io);
void __wrap_session_complete(struct io *io);
int __real_session_output_refused(struct session *s);
int __wrap_session_output_refused(struct session *s);

enum session_verdict
__wrap_session_run(struct session *s, const void *data, size_t len,
    size_t *used)
{
	enum session_verdict v;

	depth++;
	v = __real_session_run(s, data, len, used);
	depth--;
	return v;
}

void
__wrap_session_complete(struct io *io)
{
	depth++;
	__real_session_complete(io);
	depth--;
}

int
__wrap_session_output_refused(struct session *s)
{
	int rc;

	depth++;
	rc = __real_session_output_refused(s);
	depth--;
	return rc;
}
