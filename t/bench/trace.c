/* trace: a file of requests into memory. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/bench/trace.h"

#define COUNT_MAX (1 << 24)

static int
parse(const char *line, struct trace_read *r)
{
	unsigned long long at, offset, length;
	char rest;

	if (strchr(line, '-') != NULL ||
	    sscanf(line, "%llu %llu %llu %c", &at, &offset, &length, &rest) !=
		3 ||
	    length < 1 || length > TRACE_LENGTH_MAX ||
	    offset > INT64_MAX - length)
		return -1;
	r->at = at;
	r->offset = offset;
	r->length = (uint32_t)length;
	return 0;
}

static int
add(struct trace *t, size_t *room, const struct trace_read *r)
{
	struct trace_read *more;

	if (t->count == *room) {
		*room = *room > 0 ? 2 * *room : 1024;
		more = reallocarray(t->reads, *room, sizeof(*more));
		if (*room > COUNT_MAX || more == NULL) {
			t->reads = more != NULL ? more : t->reads;
			return -1;
		}
		t->reads = more;
	}
	t->reads[t->count++] = *r;
	t->bytes += r->length;
	if (r->offset + r->length > t->end)
		t->end = r->offset + r->length;
	if (r->length > t->longest)
		t->longest = r->length;
	return 0;
}

static int
read_lines(struct trace *t, FILE *in, const char *path, struct diag *d)
{
	size_t room = 0, line = 0;
	struct trace_read r;
	char text[1024];

	while (fgets(text, sizeof(text), in) != NULL) {
		line++;
		if (text[0] == '#' && strchr(text, '\n') != NULL)
			continue;
		if (parse(text, &r) == -1)
			return diag_set(d,
			    "%s:%zu: want MICROSECONDS OFFSET LENGTH, the "
			    "length from 1 to 32M", path, line);
		if (add(t, &room, &r) == -1)
			return diag_set(d, "%s: too long", path);
	}
	if (ferror(in))
		return diag_errno(d, "%s", path);
	if (t->count == 0)
		return diag_set(d, "%s: there is no request in it", path);
	return 0;
}

int
trace_read(struct trace *t, const char *path, struct diag *d)
{
	FILE *in;
	int result;

	memset(t, 0, sizeof(*t));
	if ((in = fopen(path, "re")) == NULL)
		return diag_errno(d, "%s", path);
	result = read_lines(t, in, path, d);
	fclose(in);
	if (result == -1)
		trace_free(t);
	return result;
}

void
trace_free(struct trace *t)
{
	free(t->reads);
	memset(t, 0, sizeof(*t));
}
