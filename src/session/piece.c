/* piece: a part of a request on its way to the backend and back. */
#include <stdlib.h>

#include "session/impl.h"

struct piece *
piece_new(struct request *r, enum io_op op, struct chunk *c)
{
	struct piece *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		session_unchunk(r->session, c);
		return NULL;
	}
	p->request = r;
	p->chunk = c;
	p->io.op = op;
	p->io.done = r->session->host->done;
	p->io.owner = p;
	return p;
}

void
piece_free(struct piece *p)
{
	session_unchunk(p->request->session, p->chunk);
	free(p);
}

void
piece_submit(struct piece *p)
{
	struct session *s = p->request->session;

	s->pending++;
	p->request->outstanding++;
	switch (backend_submit(s->backend, &p->io)) {
	case IO_DONE:
		session_complete(&p->io);
		break;
	case IO_BLOCK:
		s->host->work(s->arg, s->backend, &p->io);
		break;
	case IO_LATER:
		break;
	}
}
