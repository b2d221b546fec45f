/*
 * read: NBD_CMD_READ.  A small read that the page cache can answer is read
 * straight into the output.  Up to a piece is read into memory of its own, in
 * any order with others.  A longer one streams, one piece in memory at a time:
 * each piece is a chunk where chunks were agreed on; in a simple reply, and
 * with DF, all are behind one header and own the output to the last byte.
 * Pieces that the page cache has are not copied where the host can send files.
 * Zeroes are told instead of sent where chunks allow it.
 */
#include <errno.h>
#include <string.h>

#include "session/impl.h"

#define READ_SMALL 32768u /* several of them share a chunk */
#define READ_SENDFILE 32768u /* less is copied faster than asked about */
#define READ_HOLE 512u       /* fewer zeroes are sent as data */
#define READ_ALIGN 4096u

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
static size_t
head_size(const struct request *r)
{
	return r->whole && r->moved > 0 ? 0 : reply_data_head(r->session);
}

static void
put_head(const struct request *r, unsigned char *p, size_t n)
{
	const struct wire_request *w = &r->wire;

	if (head_size(r) > 0)
		reply_put_data(r->session, p, w, w->offset + r->moved,
		    r->whole ? w->length : n, chunk_flags(r, n));
}

static bool
all_zero(const unsigned char *p, size_t n)
{
	return n >= READ_HOLE && p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

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
	if (s->agreed.style != STYLE_SIMPLE && all_zero(p + head, w->length)) {
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

static void
stream_end(struct session *s)
{
	s->streaming = NULL;
	out_release(s);
}

static void
queue(struct request *r, struct chunk *c)
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

static void
piece_arrived(struct request *r, struct chunk *c, uint64_t length)
{
	queue(r, c);
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

/* A chunk with the header alone, where the payload is in a file. */
static struct chunk *
header_chunk(struct request *r, size_t n)
{
	size_t head = head_size(r);
	struct chunk *c = session_chunk(r->session, head);

	if (c == NULL)
		return NULL;
	put_head(r, c->data, n);
	c->end = head;
	return c;
}

/* Holes may be told as such, unless they are in the middle of a chunk. */
static bool
may_skip(const struct request *r)
{
	return r->session->agreed.style != STYLE_SIMPLE &&
	    !(r->whole && r->many);
}

/*
 * Where a hole would be told, a file with holes is not sent unseen: reading
 * ahead brings their zeroes into the page cache, too.  But data that a read
 * has met before goes on to the next hole.
 */
static bool
may_send(const struct request *r, uint64_t at, size_t n)
{
	const struct session *s = r->session;

	return s->config.send_files && n >= READ_SENDFILE &&
	    (!may_skip(r) || !backend_sparse(s->backend) ||
	    (at >= s->data_from && at + n <= s->data_to));
}

/*
 * What is in the page cache need not be copied: 0 when the next piece was
 * queued as a part of the file.
 */
static int
send_piece(struct request *r, size_t n)
{
	struct session *s = r->session;
	uint64_t offset = r->wire.offset + r->moved;
	struct chunk *c, *header = NULL;
	int fd;

	if (!may_send(r, offset, n))
		return -1;
	if ((fd = backend_cached(s->backend, offset, n)) == -1)
		return -1;
	if (head_size(r) > 0 && (header = header_chunk(r, n)) == NULL)
		return -1;
	if ((c = session_chunk(s, 0)) == NULL) {
		session_unchunk(s, header);
		return -1;
	}
	if (header != NULL)
		queue(r, header);
	c->fd = fd;
	c->offset = offset;
	c->end = n;
	piece_arrived(r, c, n);
	return 0;
}

/*
 * After an error in the middle of a chunk: "the server MUST still complete
 * the transmission of any current chunk", with zeroes.
 */
static int
pad_piece(struct request *r, size_t n)
{
	struct chunk *c = session_chunk(r->session, n);

	if (c == NULL)
		return -1;
	memset(c->data, 0, n);
	c->end = n;
	piece_arrived(r, c, n);
	return 0;
}

/* Up to a piece, ending at a page so that chunks are aligned (RD-15). */
static size_t
next_size(const struct request *r)
{
	uint64_t at = r->wire.offset + r->moved;
	uint64_t left = r->wire.length - r->moved;
	size_t most = session_piece(r->session);

	if (left <= most || !r->many)
		return (size_t)left;
	return most - (size_t)(at % READ_ALIGN);
}

/*
 * The next piece of a read to the backend, with room before it for its
 * header.
 */
static int
submit_piece(struct request *r)
{
	struct session *s = r->session;
	size_t head = head_size(r), n = next_size(r);
	struct chunk *c;
	struct piece *p;

	if (r->error != 0)
		return pad_piece(r, n);
	if (send_piece(r, n) == 0)
		return 0;
	c = session_chunk(s, head + n);
	if (c == NULL || (p = piece_new(r, IO_READ, c)) == NULL)
		return -1;
	c->end = head + n;
	p->io.offset = r->wire.offset + r->moved;
	p->io.length = n;
	p->io.data = c->data + head;
	p->io.flags = may_skip(r) ? IO_SPARSE : 0;
	piece_submit(p);
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
	r->whole = s->agreed.style == STYLE_SIMPLE ||
	    (w->flags & NBD_CMD_FLAG_DF);
	r->many = w->length > session_piece(s);
	if (r->many) {
		STAILQ_INSERT_TAIL(&s->reads, r, link);
		return 0;
	}
	if (submit_piece(r) == -1) {
		request_free(r);
		return -1;
	}
	return 0;
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
	if (r->error == 0 && zeroes == 0 && may_skip(r) &&
	    all_zero(p->io.data, length))
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
		put_head(r, c->data, length);
		piece_arrived(r, c, length);
	}
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
		if (submit_piece(s->streaming) == -1)
			return session_starved(s);
	}
	return STEP_NEXT;
}
