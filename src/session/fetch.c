/*
 * fetch: the host cannot send from the image's file after all, since its file
 * system knows no sendfile(2).  What was queued so is read, the first piece of
 * the output at a time; nothing is sent until it is there.
 */
#include <string.h>

#include "session/impl.h"

int
session_output_refused(struct session *s)
{
	struct chunk *c = STAILQ_FIRST(&s->out.chunks), *to;
	struct wire_request w = { .command = NBD_CMD_READ };
	struct piece *p;

	backend_unsendable(s->backend);
	w.offset = c->offset + c->start;
	w.length = c->end - c->start;
	if ((to = session_must_chunk(s, w.length)) == NULL)
		return -1;
	if ((s->fetching = request_new(s, &w)) == NULL) {
		session_unchunk(s, to);
		return -1;
	}
	if ((p = piece_new(s->fetching, IO_READ, to)) == NULL) {
		request_free(s->fetching);
		s->fetching = NULL;
		return -1;
	}
	to->end = w.length;
	p->io.offset = w.offset;
	p->io.length = w.length;
	p->io.data = to->data;
	piece_submit(p);
	return 0;
}

/*
 * The header is out: when the data cannot be had, so must the client be.  What
 * others have to say, now or later, would pass for the data.
 */
void
fetch_complete(struct piece *p)
{
	struct request *r = p->request;
	struct session *s = r->session;
	struct chunk *c = STAILQ_FIRST(&s->out.chunks);

	s->fetching = NULL;
	if (p->io.error != 0) {
		session_close(s, "read error in the middle of a reply");
		s->cut = true;
	} else {
		STAILQ_REMOVE_HEAD(&s->out.chunks, link);
		session_unchunk(s, c);
		STAILQ_INSERT_HEAD(&s->out.chunks, p->chunk, link);
		p->chunk = NULL;
	}
	piece_free(p);
	request_free(r);
}

bool
session_fetching(const struct session *s)
{
	return s->fetching != NULL;
}
