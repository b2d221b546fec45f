/*
 * reply: replies and chunks in the style that the client has asked for:
 * simple, structured or extended ("Simple reply message" and the following
 * sections), and what is counted of all.
 */
#include <string.h>

#include "session/impl.h"

#define WIRE_OFFSET 8       /* before the data of OFFSET_DATA */
#define WIRE_HOLE 12        /* payload of OFFSET_HOLE */
#define WIRE_ERROR 6        /* payload of ERROR without its text */

static size_t
chunk_head(const struct session *s)
{
	return s->agreed.style == STYLE_EXTENDED ? WIRE_EXTENDED_REPLY :
	                                           WIRE_STRUCTURED_REPLY;
}

size_t
reply_put_chunk(const struct session *s, unsigned char *p,
    const struct wire_request *w, uint16_t type, uint64_t length,
    uint16_t flags)
{
	struct wire_chunk c = { flags, type, w->cookie, w->offset, length };

	if (s->agreed.style == STYLE_EXTENDED)
		wire_extended_reply(p, &c);
	else
		wire_structured_reply(p, &c);
	return chunk_head(s);
}

size_t
reply_data_head(const struct session *s)
{
	return s->agreed.style == STYLE_SIMPLE ? WIRE_SIMPLE_REPLY :
	                                         chunk_head(s) + WIRE_OFFSET;
}

void
reply_put_data(const struct session *s, unsigned char *p,
    const struct wire_request *w, uint64_t at, uint64_t length, uint16_t flags)
{
	if (s->agreed.style == STYLE_SIMPLE) {
		wire_simple_reply(p, NBD_SUCCESS, w->cookie);
		return;
	}
	p += reply_put_chunk(s, p, w, NBD_REPLY_TYPE_OFFSET_DATA,
	    WIRE_OFFSET + length, flags);
	wire_put64(p, at);
}

size_t
reply_hole_size(const struct session *s)
{
	return chunk_head(s) + WIRE_HOLE;
}

void
reply_put_hole(const struct session *s, unsigned char *p,
    const struct wire_request *w, uint64_t at, uint32_t length, uint16_t flags)
{
	p += reply_put_chunk(s, p, w, NBD_REPLY_TYPE_OFFSET_HOLE, WIRE_HOLE,
	    flags);
	wire_put64(p, at);
	wire_put32(p + 8, length);
}

static void
simple(struct session *s, const struct wire_request *w, int error)
{
	unsigned char *p = out_must(s, WIRE_SIMPLE_REPLY);

	if (p == NULL) {
		session_close(s, "out of memory");
		return;
	}
	wire_simple_reply(p, nbd_error_from_errno(error), w->cookie);
	out_commit(s, WIRE_SIMPLE_REPLY);
}

/*
 * With structured replies a simple one may still tell of success without
 * payload, and is shorter; but never for a READ.
 */
void
reply_success(struct session *s, const struct wire_request *w, uint64_t bytes)
{
	unsigned char *p;

	reply_count(s, w->command, bytes, 0);
	if (s->agreed.style == STYLE_SIMPLE ||
	    (s->agreed.style == STYLE_STRUCTURED &&
	    w->command != NBD_CMD_READ)) {
		simple(s, w, 0);
		return;
	}
	if ((p = out_must(s, chunk_head(s))) == NULL) {
		session_close(s, "out of memory");
		return;
	}
	out_commit(s, reply_put_chunk(s, p, w, NBD_REPLY_TYPE_NONE, 0,
	    NBD_REPLY_FLAG_DONE));
}

/* The last chunk: an error with its text and, unless at is NULL, offset. */
static void
error_chunk(struct session *s, const struct wire_request *w, int error,
    const char *why, const uint64_t *at)
{
	size_t len = strlen(why);
	size_t payload = WIRE_ERROR + len + (at != NULL ? WIRE_OFFSET : 0);
	unsigned char *p = out_must(s, chunk_head(s) + payload);

	if (p == NULL) {
		session_close(s, "out of memory");
		return;
	}
	p += reply_put_chunk(s, p, w, at != NULL ?
	    NBD_REPLY_TYPE_ERROR_OFFSET : NBD_REPLY_TYPE_ERROR, payload,
	    NBD_REPLY_FLAG_DONE);
	wire_put32(p, nbd_error_from_errno(error));
	wire_put16(p + 4, (uint16_t)len);
	memcpy(p + WIRE_ERROR, why, len);
	if (at != NULL)
		wire_put64(p + WIRE_ERROR + len, *at);
	out_commit(s, chunk_head(s) + payload);
}

static const char *
text_of(int error)
{
	const char *text = strerrordesc_np(error);

	return text != NULL ? text : "unknown error";
}

void
reply_error(struct session *s, const struct wire_request *w,
    struct fault fault)
{
	const char *why = fault.why != NULL ? fault.why : text_of(fault.error);

	reply_count(s, w->command, 0, fault.error);
	if (s->agreed.style == STYLE_SIMPLE)
		simple(s, w, fault.error);
	else
		error_chunk(s, w, fault.error, why, NULL);
}

void
reply_error_at(struct session *s, const struct wire_request *w, int error,
    uint64_t at)
{
	reply_count(s, w->command, 0, error);
	if (s->agreed.style == STYLE_SIMPLE)
		simple(s, w, error);
	else
		error_chunk(s, w, error, text_of(error), &at);
}

static enum stats_command
slot(uint16_t command)
{
	switch (command) {
	case NBD_CMD_READ:
		return STATS_READ;
	case NBD_CMD_WRITE:
		return STATS_WRITE;
	case NBD_CMD_FLUSH:
		return STATS_FLUSH;
	case NBD_CMD_TRIM:
		return STATS_TRIM;
	case NBD_CMD_CACHE:
		return STATS_CACHE;
	case NBD_CMD_WRITE_ZEROES:
		return STATS_ZERO;
	case NBD_CMD_BLOCK_STATUS:
		return STATS_STATUS;
	default:
		return STATS_OTHER;
	}
}

void
reply_count(struct session *s, uint16_t command, uint64_t bytes, int error)
{
	struct stats_counters *c = s->counters;

	if (c == NULL)
		return;
	s->replied++;
	stats_add(&c->requests[slot(command)], 1);
	if (error != 0)
		stats_add(&c->errors, 1);
	else if (command == NBD_CMD_READ)
		stats_add(&c->bytes_read, bytes);
	else if (command == NBD_CMD_WRITE)
		stats_add(&c->bytes_written, bytes);
}

void
reply_timed(const struct request *r)
{
	struct session *s = r->session;

	if (s->replied == 0 || s->config.now == NULL ||
	    r->begun == *s->config.now)
		return;
	s->replied--;
	stats_took(s->counters, *s->config.now - r->begun, 1);
}

bool
session_replied(const struct session *s)
{
	return s->replied > 0;
}

void
session_took(struct session *s, uint64_t ns)
{
	if (s->replied > 0)
		stats_took(s->counters, ns, s->replied);
	s->replied = 0;
}
