/*
 * backend: what all kinds share.  Requests that no kind may see (writes to a
 * read-only backend, ranges outside of it) end here, and so do those that
 * need no work.
 */
#include <errno.h>

#include "export/backend.h"

static bool
needs_write(enum io_op op)
{
	return op == IO_WRITE || op == IO_TRIM || op == IO_ZERO;
}

/*
 * The session has checked all this; a mistake there must not become a write
 * to a read-only image or past its end.
 */
static int
invalid(const struct backend *b, const struct io *io)
{
	if (needs_write(io->op) && !(b->caps & BACKEND_WRITE))
		return EPERM;
	if (io->op == IO_FLUSH)
		return 0;
	if (io->offset > b->size || io->length > b->size - io->offset)
		return EINVAL;
	return io->op == IO_MAP && io->length == 0 ? EINVAL : 0;
}

bool
extents_add(struct extents *e, uint64_t length, unsigned flags)
{
	if (length == 0)
		return true;
	if (e->count > 0 && e->list[e->count - 1].flags == flags) {
		e->list[e->count - 1].length += length;
		return true;
	}
	if (e->count == e->max)
		return false;
	e->list[e->count++] = (struct extent){ length, flags };
	return true;
}

/* All is data: the status that is always safe ("NBD_CMD_BLOCK_STATUS"). */
static void
map_as_data(const struct backend *b, const struct io *io)
{
	struct extents *e = io->data;

	e->count = 0;
	extents_add(e, b->size - io->offset, 0);
}

/* Whether the request is done, with its error, before the kind sees it. */
static bool
settled(struct backend *b, struct io *io)
{
	io->zeroes = io->tail = io->data_end = 0;
	io->error = invalid(b, io);
	if (io->error != 0)
		return true;
	if (io->op == IO_FLUSH) {
		io->error = atomic_load(&b->flush_error);
		return io->error != 0;
	}
	if (io->op == IO_MAP && !(b->caps & BACKEND_MAP)) {
		map_as_data(b, io);
		return true;
	}
	return io->length == 0;
}

enum io_verdict
backend_submit(struct backend *b, struct io *io)
{
	if (settled(b, io))
		return IO_DONE;
	return b->ops->submit(b, io);
}

enum io_verdict
backend_work(struct backend *b, struct io *io)
{
	if (settled(b, io))
		return IO_DONE;
	return b->ops->work(b, io);
}

/* Takes those out that are done before their kind sees them, or at once. */
static struct job *
unsettled(struct backend *b, struct job *list)
{
	struct job *rest = NULL, **end = &rest, *job;
	bool each = b->ops->work_list == NULL;

	while ((job = list) != NULL) {
		struct io *io = CONTAINER(job, struct io, job);

		list = job->next;
		if (settled(b, io) || (each && b->ops->work(b, io) == IO_DONE)) {
			io->done(io);
		} else if (!each) {
			*end = job;
			end = &job->next;
		}
	}
	*end = NULL;
	return rest;
}

void
backend_work_list(struct backend *b, struct job *list)
{
	if ((list = unsettled(b, list)) != NULL)
		b->ops->work_list(b, list);
}

int
backend_read_now(struct backend *b, void *data, uint64_t offset, size_t len)
{
	if (offset > b->size || len > b->size - offset)
		return EINVAL;
	if (len == 0)
		return 0;
	if (b->ops->read_now == NULL)
		return EAGAIN;
	return b->ops->read_now(b, data, offset, len);
}

int
backend_cached(struct backend *b, uint64_t offset, size_t len)
{
	if (b->ops->cached == NULL || offset > b->size ||
	    len > b->size - offset)
		return -1;
	return b->ops->cached(b, offset, len);
}

bool
backend_sparse(struct backend *b)
{
	return b->ops->sparse != NULL && b->ops->sparse(b);
}

void
backend_unsendable(struct backend *b)
{
	if (b->ops->unsendable != NULL)
		b->ops->unsendable(b);
}

void
backend_free(struct backend *b)
{
	if (b != NULL)
		b->ops->free(b);
}
