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

/* False: there was no memory, and the request may be gone. */
static bool
hole_arrived(struct request *r, uint64_t length)
{
	struct session *s = r->session;
	unsigned char *p = out_must(s, reply_hole_size(s));

	if (p == NULL) {
		session_close(s, "out of memory");
		if (s->streaming != r)
			request_free(r);
		return false;
	}
	reply_put_hole(s, p, &r->wire, r->wire.offset + r->moved,
	    (uint32_t)length, chunk_flags(r, length));
	out_commit(s, reply_hole_size(s));
	advance(r, length);
	return true;
}

/*
 * Data, maybe with a hole before it, where its header has room then, and one
 * behind it.
 */
static void
data_arrived(struct request *r, struct chunk *c, const struct io *io)
{
	uint64_t length = io->length - io->zeroes - io->tail;
	struct session *s = r->session; /* the request may be gone before */

	if (io->zeroes > 0 && !hole_arrived(r, io->zeroes)) {
		session_unchunk(s, c);
		return;
	}
	c->start += io->zeroes;
	c->end -= io->tail;
	read_put_head(r, c->data + c->start, length);
	read_arrived(r, c, length);
	if (io->tail > 0)
		hole_arrived(r, io->tail);
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
	struct io io = p->io;
	uint64_t left = r->wire.length - r->moved;
	struct chunk *c = NULL;

	r->outstanding--;
	r->error = io.error;
	if (io.data_end > 0) {
		s->data_from = io.offset + io.zeroes;
		s->data_to = io.data_end;
	}
	if (io.error == 0 && io.zeroes + io.tail == 0 && read_may_skip(r) &&
	    read_is_hole(io.data, io.length))
		io.zeroes = io.length;
	if (io.error == 0 && io.zeroes < io.length) {
		c = p->chunk;
		p->chunk = NULL;
	}
	piece_free(p);
	if (io.error != 0)
		read_failed(r);
	else if (c == NULL)
		hole_arrived(r, io.zeroes < left ? io.zeroes : left);
	else
		data_arrived(r, c, &io);
}
