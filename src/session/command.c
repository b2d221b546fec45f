/* command: those without payload: FLUSH, TRIM, CACHE, WRITE_ZEROES. */
#include "session/impl.h"

static enum io_op
op(uint16_t command)
{
	switch (command) {
	case NBD_CMD_TRIM:
		return IO_TRIM;
	case NBD_CMD_CACHE:
		return IO_CACHE;
	case NBD_CMD_WRITE_ZEROES:
		return IO_ZERO;
	default:
		return IO_FLUSH;
	}
}

static unsigned
io_flags(const struct wire_request *w)
{
	unsigned flags = 0;

	if (w->flags & NBD_CMD_FLAG_FUA)
		flags |= IO_FUA;
	if (w->flags & NBD_CMD_FLAG_NO_HOLE)
		flags |= IO_NO_HOLE;
	if (w->flags & NBD_CMD_FLAG_FAST_ZERO)
		flags |= IO_FAST;
	return flags;
}

int
command_execute(struct session *s, const struct wire_request *w)
{
	struct request *r = request_new(s, w);
	struct piece *p;

	if (r == NULL)
		return -1;
	if ((p = piece_new(r, op(w->command), NULL)) == NULL) {
		request_free(r);
		return -1;
	}
	if (w->command != NBD_CMD_FLUSH) {
		p->io.offset = w->offset;
		p->io.length = w->length;
		p->io.flags = io_flags(w);
	}
	piece_submit(p);
	return 0;
}

void
command_complete(struct piece *p)
{
	struct request *r = p->request;

	r->outstanding--;
	r->error = p->io.error;
	piece_free(p);
	request_finish(r);
}
