/* stdiopriv: what the start and the conversation on stdio share. */
#ifndef LOOP_STDIOPRIV_H
#define LOOP_STDIOPRIV_H

#include "base/chunk.h"
#include "base/job.h"
#include "loop/settings.h"
#include "loop/stdio.h"
#include "session/session.h"

#define STDIO_INPUT (64 * 1024) /* bytes received at once */

/* How a descriptor is written to without waiting in the call. */
enum stdio_way {
	STDIO_SOCKET, /* the call says so */
	STDIO_PLAIN,  /* it does not wait by itself: O_NONBLOCK, a file */
	STDIO_PIPE    /* no more than is surely taken: others share its flags */
};

struct stdio {
	const char *name; /* borrowed */
	struct settings *settings;
	struct registry *registry;
	struct refusals *refusals;
	struct peer peer;
	int in, out;
	bool in_socket;
	enum stdio_way way;
	int signals; /* signalfd(2) */

	struct budget budget;
	struct pool pool;
	struct session *session;
	struct stats_counters counters;
	bool entered; /* transmission has begun */
	struct job *work, **work_tail; /* in the order of arrival */

	unsigned char input[STDIO_INPUT];
	size_t start, end; /* what the session has not taken yet */
	enum session_verdict verdict;
	bool eof, stopping;
	uint64_t deadline;  /* ns, CLOCK_MONOTONIC; 0: none */
	const char *reason; /* why it has ended; NULL: it has not */
};

/* Look at the two descriptors and set peer, in, out and way. */
int stdio_open(struct stdio *h, struct diag *d);

/* Talk until the client has gone, then log why. */
void stdio_serve(struct stdio *h);

/* The session's questions; arg is the struct stdio. */
extern const struct session_host stdio_host;
/* Do what the backends wanted a worker for: was there anything? */
bool stdio_work(struct stdio *h);

#endif
