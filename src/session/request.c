/*
 * request: the header of a request is checked against the table of commands,
 * then refused or executed.  A refused one leaves the stream in sync.
 */
#include <errno.h>
#include <stdlib.h>

#include "session/impl.h"

/* -1: no memory now, try again when something has moved. */
typedef int execute_fn(struct session *s, const struct wire_request *w);

struct command {
	execute_fn *execute; /* NULL: unknown */
	uint16_t flags;      /* those that are documented for it */
	uint16_t needs;      /* transmission flag that must be set, or 0 */
	bool modifies;
	bool ranged;         /* offset and length mean something */
	bool payload;        /* length is limited by the largest payload */
	int past_end;        /* errno value, "Error values" */
};

static const struct command commands[] = {
	[NBD_CMD_READ] = { read_execute, NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_DF,
	    0, false, true, true, EINVAL },
	[NBD_CMD_WRITE] = { write_execute, NBD_CMD_FLAG_FUA, 0, true, true,
	    true, ENOSPC },
	[NBD_CMD_FLUSH] = { command_execute, NBD_CMD_FLAG_FUA,
	    NBD_FLAG_SEND_FLUSH, false, false, false, 0 },
	[NBD_CMD_TRIM] = { command_execute, NBD_CMD_FLAG_FUA,
	    NBD_FLAG_SEND_TRIM, true, true, false, EINVAL },
	[NBD_CMD_CACHE] = { command_execute, NBD_CMD_FLAG_FUA,
	    NBD_FLAG_SEND_CACHE, false, true, false, EINVAL },
	[NBD_CMD_WRITE_ZEROES] = { command_execute, NBD_CMD_FLAG_FUA |
	    NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO,
	    NBD_FLAG_SEND_WRITE_ZEROES, true, true, false, ENOSPC },
};

/* A command flag may be used when the export's flag says so. */
static const struct {
	uint16_t flag, needs;
} flag_needs[] = {
	{ NBD_CMD_FLAG_FUA, NBD_FLAG_SEND_FUA },
	{ NBD_CMD_FLAG_DF, NBD_FLAG_SEND_DF },
	{ NBD_CMD_FLAG_FAST_ZERO, NBD_FLAG_SEND_FAST_ZERO },
};

static int
check_flags(const struct session *s, const struct command *c, uint16_t flags)
{
	if ((flags & ~c->flags) != 0)
		return EINVAL;
	for (size_t i = 0; i < sizeof(flag_needs) / sizeof(flag_needs[0]); i++)
		if ((flags & flag_needs[i].flag) &&
		    !(s->flags & flag_needs[i].needs))
			return EINVAL;
	return 0;
}

static int
check_range(const struct session *s, const struct command *c,
    const struct wire_request *w)
{
	uint64_t end;

	if (!c->ranged)
		return 0;
	if (__builtin_add_overflow(w->offset, w->length, &end) ||
	    end > s->size)
		return c->past_end;
	if (((w->offset | w->length) & (s->block_min - 1)) != 0)
		return EINVAL;
	if (c->payload && w->length > s->payload_max)
		return EINVAL;
	return 0;
}

/* errno value of what is wrong with it; 0: nothing. */
static int
validate(const struct session *s, const struct wire_request *w)
{
	const struct command *c;
	int error;

	if (w->command >= sizeof(commands) / sizeof(commands[0]) ||
	    commands[w->command].execute == NULL)
		return EINVAL;
	c = &commands[w->command];
	if ((error = check_flags(s, c, w->flags)) != 0)
		return error;
	if (c->modifies && (s->flags & NBD_FLAG_READ_ONLY))
		return EPERM;
	if (c->needs != 0 && !(s->flags & c->needs))
		return EINVAL;
	return check_range(s, c, w);
}

/* Only WRITE has payload to be consumed (TX-06). */
static enum step
reject(struct session *s, const struct wire_request *w, int error)
{
	if (w->command == NBD_CMD_WRITE && w->length > SESSION_MAX_SKIPPED)
		return session_close(s, "WRITE of more than 1 GiB");
	reply_bare(s, w->command, w->cookie, 0, error);
	if (s->phase == PHASE_CLOSED)
		return STEP_CLOSE;
	if (w->command == NBD_CMD_WRITE) {
		s->skip = w->length;
		s->phase = PHASE_PAYLOAD_SKIP;
	}
	return STEP_NEXT;
}

static enum step
handle(struct session *s, struct input *in, const struct wire_request *w)
{
	int error = s->stopping ? ESHUTDOWN : validate(s, w);
	enum step step = STEP_NEXT;

	if (error != 0)
		step = reject(s, w, error);
	else if (commands[w->command].execute(s, w) == -1)
		return session_starved(s);
	input_drop(s, in, WIRE_REQUEST);
	s->turn++;
	return step;
}

enum step
step_request(struct session *s, struct input *in)
{
	struct wire_request w;
	const unsigned char *p;

	if (s->inflight >= s->config.max_requests || out_full(s))
		return STEP_WAIT;
	if ((p = input_peek(s, in, WIRE_REQUEST)) == NULL)
		return STEP_MORE;
	wire_get_request(&w, p);
	if (w.magic != NBD_REQUEST_MAGIC)
		return session_close(s, "bad magic of a request");
	if (w.command != NBD_CMD_DISC)
		return handle(s, in, &w);
	input_drop(s, in, WIRE_REQUEST);
	s->phase = PHASE_FINISH;
	return STEP_NEXT;
}

enum step
step_payload_skip(struct session *s, struct input *in)
{
	return step_skip(s, in, PHASE_REQUEST);
}

/* DISC: what was asked before it is answered, what comes after is not read. */
enum step
step_finish(struct session *s, struct input *in)
{
	in->len = 0;
	if (s->inflight > 0)
		return STEP_WAIT;
	return session_close(s, "client disconnected");
}

struct request *
request_new(struct session *s, const struct wire_request *w)
{
	struct request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->session = s;
	r->cookie = w->cookie;
	r->offset = w->offset;
	r->length = w->length;
	r->command = w->command;
	r->flags = w->flags;
	s->inflight++;
	return r;
}

void
request_free(struct request *r)
{
	r->session->inflight--;
	free(r);
}

void
request_finish(struct request *r)
{
	struct session *s = r->session;

	reply_bare(s, r->command, r->cookie, r->length, r->error);
	request_free(r);
}
