/*
 * readpiece: the next piece of a READ.  What the page cache has is not copied
 * where the host can send files; the rest the backend reads into memory.
 */
#include <string.h>

#include "session/readpriv.h"

#define READ_SENDFILE 32768u /* less is copied faster than asked about */
#define READ_ALIGN 4096u

/* A chunk with the header alone, where the payload is in a file. */
static struct chunk *
header_chunk(struct request *r, size_t n)
{
	size_t head = read_head_size(r);
	struct chunk *c = session_chunk(r->session, head);

	if (c == NULL)
		return NULL;
	read_put_head(r, c->data, n);
	c->end = head;
	return c;
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
	    (!read_may_skip(r) || !backend_sparse(s->backend) ||
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
	if (read_head_size(r) > 0 && (header = header_chunk(r, n)) == NULL)
		return -1;
	if ((c = session_chunk(s, 0)) == NULL) {
		session_unchunk(s, header);
		return -1;
	}
	if (header != NULL)
		read_queue(r, header);
	c->fd = fd;
	c->offset = offset;
	c->end = n;
	read_arrived(r, c, n);
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
	read_arrived(r, c, n);
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
int
read_next(struct request *r)
{
	struct session *s = r->session;
	size_t head = read_head_size(r), n = next_size(r);
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
	p->io.flags = read_may_skip(r) ? IO_SPARSE : 0;
	if (p->io.flags != 0 && !r->whole)
		p->io.flags |= IO_PARTS;
	if (r->tried)
		p->io.flags |= IO_TRIED;
	piece_submit(p);
	return 0;
}
