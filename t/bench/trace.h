/*
 * trace: what a machine has read, in its order: one request per line,
 * "MICROSECONDS OFFSET LENGTH"; what begins with # is a comment.
 */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define TRACE_LENGTH_MAX (32 << 20) /* what any server has to take */

struct trace_read {
	uint64_t at; /* us since the first one */
	uint64_t offset;
	uint32_t length;
};

struct trace {
	struct trace_read *reads;
	size_t count;
	uint64_t bytes, end; /* in all; of the export that it wants */
	uint32_t longest;
};

/* 0, or -1 with d set to what is wrong in which line. */
int trace_read(struct trace *t, const char *path, struct diag *d);

void trace_free(struct trace *t); /* a zeroed one is allowed */

#endif
