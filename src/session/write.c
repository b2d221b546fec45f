/*
 * write: NBD_CMD_WRITE.  The payload is received in pieces, each on its way
 * to the backend as soon as it is complete; the reply follows the last.  A
 * write of one piece whose client vanishes before its last byte changes
 * nothing (TX-11); while memory is short, pieces are small.
 *
 * Pieces of 512 KiB: one is received while the one before it is written, and
 * both threads are woken half as often as with 256 KiB: 1 MiB at depth 4 takes
 * 0.43 CPU seconds per GiB and not 0.54.  (Two CPUs in a virtual machine, 2026.)
 */
#include <string.h>

#include "session/impl.h"

#define SPACE_MIN 16384u /* less is received with the next requests' headers */

static size_t
largest_piece(const struct session *s)
{
	return s->config.max_queued < CHUNK_WRITE ||
	    pool_short(s->config.pool, CHUNK_WRITE) ? session_piece(s) :
	                                              CHUNK_WRITE;
}

int
write_execute(struct session *s, const struct wire_request *w)
{
	struct request *r = request_new(s, w);

	if (r == NULL)
		return -1;
	if (w->length == 0) {
		request_finish(r);
		return 0;
	}
	r->flush = (w->flags & NBD_CMD_FLAG_FUA) &&
	    w->length > largest_piece(s);
	s->writing = r;
	s->phase = PHASE_PAYLOAD;
	return 0;
}

/* Of several pieces FUA is one flush behind the last. */
static void
flush(struct request *r)
{
	struct piece *p = piece_new(r, IO_FLUSH, NULL);

	if (p == NULL) {
		session_close(r->session, "out of memory");
		request_free(r);
		return;
	}
	piece_submit(p);
}

/* The reply, once the payload is received and no piece is outstanding. */
static void
finish_if_done(struct request *r)
{
	if (r->session->writing == r || r->outstanding > 0)
		return;
	if (r->flush && r->error == 0)
		flush(r);
	else
		request_finish(r);
}

void
write_complete(struct piece *p)
{
	struct request *r = p->request;

	r->outstanding--;
	if (r->error == 0)
		r->error = p->io.error;
	piece_free(p);
	finish_if_done(r);
}

static struct piece *
next_piece(struct request *r)
{
	struct session *s = r->session;
	uint64_t left = r->wire.length - r->moved;
	size_t most = largest_piece(s);
	size_t n = left < most ? (size_t)left : most;
	struct chunk *c;
	struct piece *p;

	if (out_full(s) || (c = session_chunk(s, n)) == NULL)
		return NULL;
	if ((p = piece_new(r, IO_WRITE, c)) == NULL)
		return NULL;
	p->io.offset = r->wire.offset + r->moved;
	p->io.length = n;
	p->io.data = c->data;
	if ((r->wire.flags & NBD_CMD_FLAG_FUA) && !r->flush)
		p->io.flags = IO_FUA;
	return p;
}

static size_t
missing(const struct piece *p)
{
	return p->io.length - p->chunk->end;
}

static void
fill(struct piece *p, struct input *in)
{
	size_t n = missing(p) < in->len ? missing(p) : in->len;

	if (n > 0)
		memcpy(p->chunk->data + p->chunk->end, in->data, n);
	p->chunk->end += n;
	in->data += n;
	in->len -= n;
}

/* All received: the request goes on by itself. */
static enum step
received(struct session *s)
{
	struct request *r = s->writing;

	s->writing = NULL;
	s->phase = PHASE_REQUEST;
	finish_if_done(r);
	return s->phase == PHASE_CLOSED ? STEP_CLOSE : STEP_NEXT;
}

/*
 * An error is told behind the payload, too: libnbd 1.14 does not know a request
 * before it has sent all of it, and gives up at a reply to it.
 */
void
write_skip(struct request *r, uint64_t n)
{
	r->session->writing = r;
	r->session->skip = n;
	r->session->phase = PHASE_PAYLOAD_SKIP;
}

enum step
step_payload_skip(struct session *s, struct input *in)
{
	enum step step = step_skip(s, in, PHASE_REQUEST);

	return s->skip > 0 ? step : received(s);
}

enum step
step_payload(struct session *s, struct input *in)
{
	struct request *r = s->writing;
	struct piece *p = s->filling;

	if (p == NULL) {
		if (r->moved == r->wire.length)
			return received(s);
		if (r->error != 0) {
			write_skip(r, r->wire.length - r->moved);
			return STEP_NEXT;
		}
		if (in->len == 0)
			return STEP_MORE;
		if ((p = s->filling = next_piece(r)) == NULL)
			return session_starved(s);
	}
	fill(p, in);
	if (missing(p) > 0)
		return STEP_MORE;
	s->filling = NULL;
	r->moved += p->io.length;
	piece_submit(p);
	return STEP_NEXT;
}

size_t
session_awaits(const struct session *s)
{
	size_t n;

	if (s->phase != PHASE_PAYLOAD)
		return 0;
	n = (size_t)(s->writing->wire.length - s->writing->moved);
	return s->filling == NULL ? n : n - s->filling->chunk->end;
}

size_t
session_space(struct session *s, void **place)
{
	struct piece *p = s->filling;

	if (p == NULL || missing(p) < SPACE_MIN)
		return 0;
	*place = p->chunk->data + p->chunk->end;
	return missing(p);
}

void
session_filled(struct session *s, size_t n)
{
	s->filling->chunk->end += n;
}
