/*
 * read: NBD_CMD_READ.  A small read that the page cache can answer is read
 * straight into the output.  Up to a piece is read into memory of its own, in
 * any order with others.  A longer one streams, one piece in memory at a time:
 * each piece is a chunk where chunks were agreed on; in a simple reply, and
 * with DF, all are behind one header and own the output to the last byte.
 */
#include <errno.h>

#include "session/readpriv.h"

#define READ_SMALL 32768u /* several of them share a chunk */

/* 0: answered; EAGAIN: not in the page cache; -1: no memory now. */
static int
read_now(struct session *s, const struct wire_request *w)
{
	size_t head = reply_data_head(s);
	unsigned char *p = out_reserve(s, head + w->length);
	int error;

	if (p == NULL)
		return -1;
	error = backend_read_now(s->backend, p + head, w->offset, w->length);
	if (error == EAGAIN)
		return EAGAIN;
	if (error != 0) {
		reply_error_at(s, w, error, w->offset);
		return 0;
	}
	if (s->agreed.style != STYLE_SIMPLE && read_is_hole(p + head, w->length)) {
		reply_put_hole(s, p, w, w->offset, (uint32_t)w->length,
		    NBD_REPLY_FLAG_DONE);
		out_commit(s, reply_hole_size(s));
	} else {
		reply_put_data(s, p, w, w->offset, w->length,
		    NBD_REPLY_FLAG_DONE);
		out_commit(s, head + w->length);
	}
	reply_count(s, w->command, w->length, 0);
	return 0;
}

int
read_execute(struct session *s, const struct wire_request *w)
{
	struct request *r;
	int done;

	if (w->length == 0) {
		reply_success(s, w, 0);
		return 0;
	}
	if (w->length <= READ_SMALL && (done = read_now(s, w)) != EAGAIN)
		return done;
	if ((r = request_new(s, w)) == NULL)
		return -1;
	r->tried = w->length <= READ_SMALL;
	r->whole = s->agreed.style == STYLE_SIMPLE ||
	    (w->flags & NBD_CMD_FLAG_DF);
	r->many = w->length > session_piece(s);
	if (r->many) {
		STAILQ_INSERT_TAIL(&s->reads, r, link);
		return 0;
	}
	if (read_next(r) == -1) {
		request_free(r);
		return -1;
	}
	return 0;
}

/* Whether some READ streams, the next in line if need be. */
static bool
streaming(struct session *s)
{
	if (s->streaming != NULL)
		return true;
	s->streaming = STAILQ_FIRST(&s->reads);
	if (s->streaming == NULL)
		return false;
	STAILQ_REMOVE_HEAD(&s->reads, link);
	return true;
}

enum step
read_stream(struct session *s)
{
	while (s->phase != PHASE_CLOSED && streaming(s)) {
		if (s->streaming->outstanding > 0)
			return STEP_NEXT;
		if (s->out.bytes >= SESSION_TURN_BYTES || out_full(s))
			return STEP_WAIT;
		if (read_next(s->streaming) == -1)
			return session_starved(s);
	}
	return STEP_NEXT;
}
