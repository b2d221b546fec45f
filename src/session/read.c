/*
 * read: NBD_CMD_READ.  A small read that the page cache can answer is read
 * straight into the output.  Up to a piece is read into a chunk of its own,
 * in any order with others.  A longer one streams: it owns the output from
 * its header to its last byte and has one piece in memory at a time.  Pieces
 * that the page cache has are not copied at all where the host can send files.
 */
#include <errno.h>

#include "session/impl.h"

#define READ_SMALL 32768u /* several of them share a chunk */
#define READ_SENDFILE 32768u /* less is copied faster than asked about */

static void
put_header(unsigned char *p, const struct request *r)
{
	wire_simple_reply(p, NBD_SUCCESS, r->cookie);
}

/* 0: answered; EAGAIN: not in the page cache; -1: no memory now. */
static int
read_now(struct session *s, const struct wire_request *w)
{
	unsigned char *p = out_reserve(s, WIRE_SIMPLE_REPLY + w->length);
	int error;

	if (p == NULL)
		return -1;
	error = backend_read_now(s->backend, p + WIRE_SIMPLE_REPLY, w->offset,
	    w->length);
	if (error == EAGAIN)
		return EAGAIN;
	if (error != 0) {
		reply_bare(s, w->command, w->cookie, 0, error);
		return 0;
	}
	wire_simple_reply(p, NBD_SUCCESS, w->cookie);
	out_commit(s, WIRE_SIMPLE_REPLY + w->length);
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

/* The last chunk of the next length bytes; may be the end of the request. */
static void
piece_arrived(struct request *r, struct chunk *c, uint64_t length)
{
	struct session *s = r->session;

	queue(r, c);
	r->moved += length;
	if (r->moved < r->length)
		return;
	reply_count(s, r->command, r->length, 0);
	if (s->streaming == r)
		stream_end(s);
	request_free(r);
}

/* A chunk with the header alone, where the payload is in a file. */
static struct chunk *
header_chunk(struct request *r)
{
	struct chunk *c = session_chunk(r->session, WIRE_SIMPLE_REPLY);

	if (c == NULL)
		return NULL;
	put_header(c->data, r);
	c->end = WIRE_SIMPLE_REPLY;
	return c;
}

/*
 * What is in the page cache need not be copied: 0 when the next piece was
 * queued as a part of the file.
 */
static int
send_piece(struct request *r, size_t n)
{
	struct session *s = r->session;
	uint64_t offset = r->offset + r->moved;
	struct chunk *c, *header = NULL;
	int fd;

	if (!s->config.send_files || n < READ_SENDFILE)
		return -1;
	if ((fd = backend_cached(s->backend, offset, n)) == -1)
		return -1;
	if (r->moved == 0 && (header = header_chunk(r)) == NULL)
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
 * The next piece of a read to the backend, with room before it for a header
 * when it is the first.
 */
static int
submit_piece(struct request *r)
{
	struct session *s = r->session;
	size_t header = r->moved == 0 ? WIRE_SIMPLE_REPLY : 0;
	uint64_t left = r->length - r->moved;
	size_t n = left < CHUNK_PIECE ? (size_t)left : CHUNK_PIECE;
	struct chunk *c;
	struct piece *p;

	if (send_piece(r, n) == 0)
		return 0;
	c = session_chunk(s, header + n);
	if (c == NULL || (p = piece_new(r, IO_READ, c)) == NULL)
		return -1;
	c->end = header + n;
	p->io.offset = r->offset + r->moved;
	p->io.length = n;
	p->io.data = c->data + header;
	piece_submit(p);
	return 0;
}

int
read_execute(struct session *s, const struct wire_request *w)
{
	struct request *r;
	int done;

	if (w->length <= READ_SMALL && (done = read_now(s, w)) != EAGAIN)
		return done;
	if ((r = request_new(s, w)) == NULL)
		return -1;
	if (w->length > CHUNK_PIECE) {
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
 */
static void
read_failed(struct request *r)
{
	struct session *s = r->session;

	if (r->moved > 0) {
		reply_count(s, r->command, 0, r->error);
		session_close(s, "read error in the middle of a reply");
		return;
	}
	if (s->streaming == r)
		stream_end(s);
	request_finish(r);
}

void
read_complete(struct piece *p)
{
	struct request *r = p->request;
	uint64_t length = p->io.length;
	struct chunk *c = NULL;

	r->outstanding--;
	r->error = p->io.error;
	if (r->error == 0) {
		c = p->chunk;
		p->chunk = NULL;
	}
	piece_free(p);
	if (c == NULL) {
		read_failed(r);
		return;
	}
	if (r->moved == 0)
		put_header(c->data, r);
	piece_arrived(r, c, length);
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
