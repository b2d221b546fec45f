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
	[NBD_CMD_WRITE] = { write_execute, NBD_CMD_FLAG_FUA |
	    NBD_CMD_FLAG_PAYLOAD_LEN, 0, true, true, true, ENOSPC },
	[NBD_CMD_FLUSH] = { command_execute, NBD_CMD_FLAG_FUA,
	    NBD_FLAG_SEND_FLUSH, false, false, false, 0 },
	[NBD_CMD_TRIM] = { command_execute, NBD_CMD_FLAG_FUA,
	    NBD_FLAG_SEND_TRIM, true, true, false, EINVAL },
	[NBD_CMD_CACHE] = { command_execute, NBD_CMD_FLAG_FUA,
	    NBD_FLAG_SEND_CACHE, false, true, false, EINVAL },
	[NBD_CMD_WRITE_ZEROES] = { command_execute, NBD_CMD_FLAG_FUA |
	    NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO,
	    NBD_FLAG_SEND_WRITE_ZEROES, true, true, false, ENOSPC },
	[NBD_CMD_BLOCK_STATUS] = { status_execute, NBD_CMD_FLAG_FUA |
	    NBD_CMD_FLAG_REQ_ONE | NBD_CMD_FLAG_PAYLOAD_LEN, 0, false, true,
	    false, EINVAL },
};

/* A command flag may be used when the export's flag says so. */
static const struct {
	uint16_t flag, needs;
} flag_needs[] = {
	{ NBD_CMD_FLAG_FUA, NBD_FLAG_SEND_FUA },
	{ NBD_CMD_FLAG_DF, NBD_FLAG_SEND_DF },
	{ NBD_CMD_FLAG_FAST_ZERO, NBD_FLAG_SEND_FAST_ZERO },
};

#define FAULT(error, why) ((struct fault){ (error), (why) })
#define FINE FAULT(0, NULL)

/*
 * Bytes that follow the header ("Request message").  With extended headers a
 * WRITE must say so, which QEMU (10.0 at least) does not do: it has a payload
 * all the same.
 */
static uint64_t
payload_of(const struct session *s, const struct wire_request *w)
{
	bool has = w->command == NBD_CMD_WRITE ||
	    (s->agreed.style == STYLE_EXTENDED &&
	    (w->flags & NBD_CMD_FLAG_PAYLOAD_LEN));

	return has ? w->length : 0;
}

static bool
has_payload_form(const struct session *s, const struct wire_request *w)
{
	return w->command == NBD_CMD_WRITE ||
	    (s->flags & NBD_FLAG_BLOCK_STATUS_PAYLOAD);
}

static struct fault
check_payload(const struct session *s, const struct wire_request *w)
{
	bool flag = w->flags & NBD_CMD_FLAG_PAYLOAD_LEN;

	if (flag && s->agreed.style != STYLE_EXTENDED)
		return FAULT(EINVAL, "a payload length needs extended headers");
	if (flag && !has_payload_form(s, w))
		return FAULT(EINVAL, "the command has no payload form");
	return FINE;
}

static struct fault
check_flags(const struct session *s, const struct command *c,
    const struct wire_request *w)
{
	if ((w->flags & ~c->flags) != 0)
		return FAULT(EINVAL, "a flag that the command does not have");
	for (size_t i = 0; i < sizeof(flag_needs) / sizeof(flag_needs[0]); i++)
		if ((w->flags & flag_needs[i].flag) &&
		    !(s->flags & flag_needs[i].needs))
			return FAULT(EINVAL, "a flag that was not offered");
	return check_payload(s, w);
}

struct fault
request_range(const struct session *s, const struct wire_request *w)
{
	const struct command *c = &commands[w->command];
	uint64_t end;

	if (__builtin_add_overflow(w->offset, w->length, &end) ||
	    end > s->size)
		return FAULT(c->past_end, "the range ends behind the export");
	if (((w->offset | w->length) & (s->block_min - 1)) != 0)
		return FAULT(EINVAL, "offset or length is not a multiple of "
		    "the smallest block");
	if (c->payload && w->length > s->payload_max)
		return FAULT(EINVAL, "longer than the largest payload");
	/* "READ": at most one content chunk, and no chunk is longer. */
	if ((w->flags & NBD_CMD_FLAG_DF) && w->length > SESSION_MAX_ADVERTISED)
		return FAULT(EOVERFLOW, "too long for one chunk");
	return FINE;
}

/* The payload form of BLOCK_STATUS has its range in the payload. */
static bool
ranged(const struct command *c, const struct wire_request *w)
{
	return c->ranged && !(w->command == NBD_CMD_BLOCK_STATUS &&
	    (w->flags & NBD_CMD_FLAG_PAYLOAD_LEN));
}

static struct fault
validate(const struct session *s, const struct wire_request *w)
{
	const struct command *c;
	struct fault fault;

	if (s->stopping)
		return FAULT(ESHUTDOWN, s->reason);
	if (w->command >= sizeof(commands) / sizeof(commands[0]) ||
	    commands[w->command].execute == NULL)
		return FAULT(EINVAL, "the command is not supported");
	c = &commands[w->command];
	if ((fault = check_flags(s, c, w)).error != 0)
		return fault;
	if (c->modifies && (s->flags & NBD_FLAG_READ_ONLY))
		return FAULT(EPERM, "the export is read-only");
	if (c->needs != 0 && !(s->flags & c->needs))
		return FAULT(EINVAL, "the command was not offered");
	if (w->command == NBD_CMD_BLOCK_STATUS && s->contexts == 0)
		return FAULT(EINVAL, "no metadata context was selected");
	return ranged(c, w) ? request_range(s, w) : FINE;
}

/*
 * A payload that is not wanted is skipped and keeps the stream in sync (TX-06);
 * more than anybody sends ends it ("Request message": SHOULD, with extended
 * headers).
 */
static uint64_t
longest_skip(const struct session *s)
{
	return s->agreed.style == STYLE_EXTENDED ? SESSION_MAX_ACCEPTED :
	                                           SESSION_MAX_SKIPPED;
}

static int
reject(struct session *s, const struct wire_request *w, struct fault fault)
{
	uint64_t payload = payload_of(s, w);
	struct request *r;

	if (payload == 0) {
		reply_error(s, w, fault);
		return 0;
	}
	if ((r = request_new(s, w)) == NULL)
		return -1;
	r->error = fault.error;
	r->why = fault.why;
	write_skip(r, payload);
	return 0;
}

static enum step
handle(struct session *s, struct input *in, const struct wire_request *w,
    size_t header)
{
	struct fault fault = validate(s, w);
	int done;

	if (payload_of(s, w) > longest_skip(s))
		return session_close(s, "payload is far too long");
	done = fault.error != 0 ? reject(s, w, fault) :
	                          commands[w->command].execute(s, w);
	if (done == -1)
		return session_starved(s);
	input_drop(s, in, header);
	s->turn++;
	return s->phase == PHASE_CLOSED ? STEP_CLOSE : STEP_NEXT;
}

enum step
step_request(struct session *s, struct input *in)
{
	bool extended = s->agreed.style == STYLE_EXTENDED;
	size_t header = extended ? WIRE_EXTENDED_REQUEST : WIRE_REQUEST;
	struct wire_request w;
	const unsigned char *p;

	if (s->inflight >= s->config.max_requests || out_full(s))
		return STEP_WAIT;
	if ((p = input_peek(s, in, header)) == NULL)
		return STEP_MORE;
	if (extended)
		wire_get_extended_request(&w, p);
	else
		wire_get_request(&w, p);
	if (w.magic != (extended ? NBD_EXTENDED_REQUEST_MAGIC :
	    NBD_REQUEST_MAGIC))
		return session_close(s, "bad magic of a request");
	if (w.command != NBD_CMD_DISC)
		return handle(s, in, &w, header);
	input_drop(s, in, header);
	s->phase = PHASE_FINISH;
	return STEP_NEXT;
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
	r->wire = *w;
	if (s->config.now != NULL)
		r->begun = *s->config.now;
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

	if (r->error == 0)
		reply_success(s, &r->wire, r->wire.length);
	else
		reply_error(s, &r->wire, FAULT(r->error, r->why));
	reply_timed(r);
	request_free(r);
}
