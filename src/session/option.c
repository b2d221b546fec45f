/*
 * option: haggling.  Headers and data of options are collected here and
 * handed to the option's handler by a table; an option without a handler is
 * refused in sync.
 */
#include <string.h>

#include "session/impl.h"

static enum step
option_abort(struct session *s)
{
	if (option_reply(s, NBD_REP_ACK, NULL, 0) == -1)
		return session_close(s, "out of memory");
	session_close(s, "client aborted the negotiation");
	s->refused = false; /* as it wished */
	return STEP_CLOSE;
}

static enum step
option_unsupported(struct session *s)
{
	return option_refuse(s, NBD_REP_ERR_UNSUP, "option is not supported");
}

/* Called when the option's data is complete in s->data. */
typedef enum step option_fn(struct session *s);

static const struct {
	uint32_t option;
	option_fn *handle;
} handlers[] = {
	{ NBD_OPT_EXPORT_NAME, option_export },
	{ NBD_OPT_ABORT, option_abort },
	{ NBD_OPT_LIST, option_list },
	{ NBD_OPT_STARTTLS, option_starttls },
	{ NBD_OPT_INFO, option_export },
	{ NBD_OPT_GO, option_export },
	{ NBD_OPT_STRUCTURED_REPLY, option_structured },
	{ NBD_OPT_LIST_META_CONTEXT, option_meta },
	{ NBD_OPT_SET_META_CONTEXT, option_meta },
	{ NBD_OPT_EXTENDED_HEADERS, option_extended },
};

static option_fn *
handler(uint32_t option)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].option == option)
			return handlers[i].handle;
	return option_unsupported;
}

static enum step
dispatch(struct session *s)
{
	uint32_t option = s->option.option;

	s->phase = PHASE_OPTION_HEADER;
	if (s->stopping && option == NBD_OPT_EXPORT_NAME)
		return session_close(s, s->reason);
	if (s->stopping && option != NBD_OPT_ABORT)
		return option_refuse(s, NBD_REP_ERR_SHUTDOWN,
		    "server is shutting down");
	if (!option_in_clear(s))
		return option_not_in_clear(s);
	return handler(option)(s);
}

enum step
step_option_header(struct session *s, struct input *in)
{
	const unsigned char *p;

	if (session_queued(s) >= SESSION_TURN_BYTES)
		return STEP_WAIT;
	if ((p = input_peek(s, in, WIRE_OPTION)) == NULL)
		return STEP_MORE;
	wire_get_option(&s->option, p);
	input_drop(s, in, WIRE_OPTION);
	if (s->option.magic != NBD_OPTION_MAGIC)
		return session_close(s, "bad magic of an option");
	/* proto.md, "Newstyle negotiation": replies are not defined then. */
	if (!(s->client_flags & NBD_FLAG_C_FIXED_NEWSTYLE) &&
	    s->option.option != NBD_OPT_EXPORT_NAME)
		return session_close(s, "an option without fixed newstyle");
	if (++s->options > s->config.max_options)
		return session_close(s, "too many options");
	s->handshaken += WIRE_OPTION;
	if (s->handshaken > s->config.max_handshake ||
	    s->option.length > s->config.max_handshake - s->handshaken)
		return session_close(s, "too many bytes in the handshake");
	s->handshaken += s->option.length;
	buf_reset(&s->data);
	s->skip = s->option.length;
	s->phase = handler(s->option.option) == option_unsupported ?
	    PHASE_OPTION_SKIP : PHASE_OPTION_DATA;
	return STEP_NEXT;
}

enum step
step_option_data(struct session *s, struct input *in)
{
	size_t want = s->option.length - s->data.len;
	size_t n = in->len < want ? in->len : want;

	if (n > 0 && buf_add(&s->data, in->data, n) == -1)
		return session_close(s, "out of memory");
	in->data += n;
	in->len -= n;
	return n < want ? STEP_MORE : dispatch(s);
}

enum step
step_option_skip(struct session *s, struct input *in)
{
	enum step step = step_skip(s, in, PHASE_OPTION_HEADER);

	return step == STEP_NEXT ? dispatch(s) : step;
}

int
option_reply(struct session *s, uint32_t type, const void *data, size_t len)
{
	unsigned char *p = out_must(s, WIRE_OPTION_REPLY + len);

	if (p == NULL)
		return -1;
	wire_option_reply(p, s->option.option, type, (uint32_t)len);
	if (len > 0)
		memcpy(p + WIRE_OPTION_REPLY, data, len);
	out_commit(s, WIRE_OPTION_REPLY + len);
	return 0;
}

enum step
option_refuse(struct session *s, uint32_t type, const char *why)
{
	if (option_reply(s, type, why, strlen(why)) == -1)
		return session_close(s, "out of memory");
	s->phase = PHASE_OPTION_HEADER;
	return STEP_NEXT;
}

enum step
option_ack(struct session *s)
{
	if (option_reply(s, NBD_REP_ACK, NULL, 0) == -1)
		return session_close(s, "out of memory");
	s->phase = PHASE_OPTION_HEADER;
	return STEP_NEXT;
}
