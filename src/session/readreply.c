/*
 * readreply: how the data of a READ becomes its reply: behind one header, or
 * in chunks, or as holes; and what becomes of its errors.
 */
#include <string.h>

#include "session/readpriv.h"

#define READ_HOLE 512u /* fewer zeroes are sent as data */

static bool
last_part(const struct request *r, uint64_t n)
{
	return r->moved + n == r->wire.length;
}

/*
 * One chunk of several pieces: an error may come in its middle, so that another
 * chunk behind it is the last ("READ", structured replies).  Also when memory
 * has come meanwhile and one piece does.
 */
static bool
is_open(const struct request *r)
{
	return r->whole && r->many &&
	    r->session->agreed.style != STYLE_SIMPLE;
}

static uint16_t
chunk_flags(const struct request *r, uint64_t n)
{
	return last_part(r, n) && !is_open(r) ? NBD_REPLY_FLAG_DONE : 0;
}

/* Where a reply has all data behind one header, later pieces have none. */
size_t
read_head_size(const struct request *r)
{
	return r->whole && r->moved > 0 ? 0 : reply_data_head(r->session);
}

void
read_put_head(const struct request *r, unsigned char *p, size_t n)
{
	const struct wire_request *w = &r->wire;

	if (read_head_size(r) > 0)
		reply_put_data(r->session, p, w, w->offset + r->moved,
		    r->whole ? w->length : n, chunk_flags(r, n));
}

bool
read_is_hole(const unsigned char *p, size_t n)
{
	return n >= READ_HOLE && p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

bool
read_may_skip(const struct request *r)
{
	return r->session->agreed.style != STYLE_SIMPLE &&
	    !(r->whole && r->many);
}

static void
stream_end(struct session *s)
{
	s->streaming = NULL;
	out_release(s);
}

void
read_queue(struct request *r, struct chunk *c)
{
	if (r->session->streaming == r)
		out_stream(r->session, c);
	else
		out_chunk(r->session, c);
}

/* All data is on its way. */
static void
finish(struct request *r)
{
	struct session *s = r->session;

	if (s->streaming == r)
		stream_end(s);
	if (r->error != 0)
		reply_error_at(s, &r->wire, r->error, r->failed_at);
	else if (is_open(r))
		reply_success(s, &r->wire, r->wire.length);
	else
		reply_count(s, r->wire.command, r->wire.length, 0);
	reply_timed(r);
	request_free(r);
}

/* The next length bytes have been queued. */
static void
advance(struct request *r, uint64_t length)
{
	r->moved += length;
	if (r->moved == r->wire.length)
		finish(r);
}

void
read_arrived(struct request *r, struct chunk *c, uint64_t length)
{
	read_queue(r, c);
	advance(r, length);
}

static void
hole_arrived(struct request *r, uint64_t length)
{
	struct session *s = r->session;
	unsigned char *p = out_must(s, reply_hole_size(s));

	if (p == NULL) {
		session_close(s, "out of memory");
		if (s->streaming != r)
			request_free(r);
		return;
	}
	reply_put_hole(s, p, &r->wire, r->wire.offset + r->moved,
	    (uint32_t)length, chunk_flags(r, length));
	out_commit(s, reply_hole_size(s));
	advance(r, length);
}

/*
 * With simple replies an error can be told only before the first byte; after
 * it "the server MUST initiate a hard disconnect" (RD-13).  The request goes
 * on to own the output: what others have to say would pass for its data.
 * So it does with a chunk that has begun, but that is filled and then the
 * error told.
 */
static void
read_failed(struct request *r)
{
	struct session *s = r->session;

	r->failed_at = r->wire.offset + r->moved;
	if (r->whole && r->moved > 0) {
		if (s->agreed.style != STYLE_SIMPLE)
			return;
		reply_count(s, r->wire.command, 0, r->error);
		session_close(s, "read error in the middle of a reply");
		return;
	}
	finish(r);
}

void
read_complete(struct piece *p)
{
	struct request *r = p->request;
	struct session *s = r->session;
	uint64_t length = p->io.length, zeroes = p->io.zeroes;
	uint64_t left = r->wire.length - r->moved;
	struct chunk *c = NULL;

	r->outstanding--;
	r->error = p->io.error;
	if (p->io.data_end > 0) {
		s->data_from = p->io.offset;
		s->data_to = p->io.data_end;
	}
	if (r->error == 0 && zeroes == 0 && read_may_skip(r) &&
	    read_is_hole(p->io.data, length))
		zeroes = length;
	if (r->error == 0 && zeroes == 0) {
		c = p->chunk;
		p->chunk = NULL;
	}
	piece_free(p);
	if (r->error != 0) {
		read_failed(r);
	} else if (c == NULL) {
		hole_arrived(r, zeroes < left ? zeroes : left);
	} else {
		read_put_head(r, c->data, length);
		read_arrived(r, c, length);
	}
}
