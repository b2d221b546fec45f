/*
 * output: what waits to be sent, as chunks.  While a long READ streams behind
 * one header, it alone goes to "out" and other replies to "held", since a
 * simple reply must not be interrupted ("Simple reply message"), nor a chunk.
 */
#include <string.h>

#include "session/impl.h"

static struct chunk *
get(struct session *s, size_t cap, bool force)
{
	struct chunk *c = chunk_get(s->config.pool, cap, force);

	if (c != NULL)
		s->memory += c->cap;
	return c;
}

/*
 * A chunk counted as this session's.  When nothing of this session is on its
 * way that would wake it up later, it gets one over the budget: so a
 * connection always gets on, if slowly.
 */
struct chunk *
session_chunk(struct session *s, size_t cap)
{
	return get(s, cap, !session_busy(s));
}

size_t
session_piece(const struct session *s)
{
	return pool_short(s->config.pool, CHUNK_LARGE) ? SESSION_SCARCE : CHUNK_PIECE;
}

struct chunk *
session_must_chunk(struct session *s, size_t cap)
{
	return get(s, cap, true);
}

/* Something was asked for or is being sent: the session will be run again. */
bool
session_busy(const struct session *s)
{
	return s->pending > 0 || s->out.bytes > 0;
}

void
session_unchunk(struct session *s, struct chunk *c)
{
	if (c == NULL)
		return;
	s->memory -= c->cap;
	chunk_put(s->config.pool, c);
}

static struct outq *
queue(struct session *s)
{
	return s->streaming != NULL && s->streaming->whole ? &s->held :
	                                                     &s->out;
}

enum step
session_starved(struct session *s)
{
	return session_busy(s) ? STEP_WAIT : session_close(s, "out of memory");
}

static unsigned char *
reserve(struct session *s, size_t n, bool force)
{
	struct outq *q = queue(s);
	struct chunk *c = STAILQ_LAST(&q->chunks, chunk, link);

	if (c == NULL || c->fd != -1 || c->cap - c->end < n) {
		c = get(s, CHUNK_SMALL, force);
		if (c == NULL)
			return NULL;
		STAILQ_INSERT_TAIL(&q->chunks, c, link);
	}
	return c->data + c->end;
}

unsigned char *
out_reserve(struct session *s, size_t n)
{
	return reserve(s, n, !session_busy(s));
}

unsigned char *
out_must(struct session *s, size_t n)
{
	return reserve(s, n, true);
}

void
out_commit(struct session *s, size_t n)
{
	struct outq *q = queue(s);

	/* NOLINTNEXTLINE(*-core.NullDereference): out_reserve() made it */
	STAILQ_LAST(&q->chunks, chunk, link)->end += n;
	q->bytes += n;
}

static void
append(struct outq *q, struct chunk *c)
{
	STAILQ_INSERT_TAIL(&q->chunks, c, link);
	q->bytes += c->end - c->start;
}

void
out_chunk(struct session *s, struct chunk *c)
{
	append(queue(s), c);
}

void
out_stream(struct session *s, struct chunk *c)
{
	append(&s->out, c);
}

void
out_release(struct session *s)
{
	STAILQ_CONCAT(&s->out.chunks, &s->held.chunks);
	s->out.bytes += s->held.bytes;
	s->held.bytes = 0;
}

static void
drop(struct session *s, struct outq *q)
{
	struct chunk *c;

	while ((c = STAILQ_FIRST(&q->chunks)) != NULL) {
		STAILQ_REMOVE_HEAD(&q->chunks, link);
		session_unchunk(s, c);
	}
	q->bytes = 0;
}

void
out_drop(struct session *s)
{
	drop(s, &s->out);
	drop(s, &s->held);
}

bool
out_full(const struct session *s)
{
	return (s->memory >= s->config.max_queued ||
	    s->out.bytes + s->held.bytes >= s->config.max_queued) &&
	    session_busy(s);
}

int
session_output(struct session *s, struct iovec *iov, int max)
{
	struct chunk *c;
	int n = 0;

	if (s->fetching != NULL || s->cut)
		return 0;
	STAILQ_FOREACH(c, &s->out.chunks, link) {
		if (n == max || c->fd != -1)
			break;
		if (c->end == c->start)
			continue; /* reserved, nothing committed */
		iov[n].iov_base = c->data + c->start;
		iov[n].iov_len = c->end - c->start;
		n++;
	}
	return n;
}

size_t
session_output_file(struct session *s, int *fd, uint64_t *offset)
{
	struct chunk *c;

	if (s->fetching != NULL || s->cut)
		return 0;
	/* Reserved for a read that then had to wait: nothing came of it. */
	while ((c = STAILQ_FIRST(&s->out.chunks)) != NULL &&
	    c->start == c->end) {
		STAILQ_REMOVE_HEAD(&s->out.chunks, link);
		session_unchunk(s, c);
	}
	if (c == NULL || c->fd == -1)
		return 0;
	*fd = c->fd;
	*offset = c->offset + c->start;
	return c->end - c->start;
}

size_t
session_queued(const struct session *s)
{
	return s->cut ? 0 : s->out.bytes;
}

/* Chunks that were sent whole, and those that are empty, go back. */
void
session_sent(struct session *s, size_t n)
{
	struct chunk *c;

	s->out.bytes -= n;
	while ((c = STAILQ_FIRST(&s->out.chunks)) != NULL) {
		if (n < c->end - c->start) {
			c->start += n;
			return;
		}
		n -= c->end - c->start;
		STAILQ_REMOVE_HEAD(&s->out.chunks, link);
		session_unchunk(s, c);
	}
}
