/*
 * part: written in large pieces, so that long runs of zeroes become holes
 * when the download is the image itself.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fetch/partpriv.h"
#include "fetch/sparse.h"

#define SYNC_EVERY (UINT64_C(64) << 20) /* bytes a crash can take away */
#define ROOM_EVERY (UINT64_C(1) << 20)

/* --- the writer ----------------------------------------------------------- */

int
part_restart(struct part *p, struct diag *d)
{
	pthread_mutex_lock(&p->lock);
	p->epoch++;
	p->there = 0;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	p->len = p->begun = 0;
	p->used = 0;
	p->facts.safe = p->facts.total = 0;
	if (part_set(&p->facts.etag, NULL, d) == -1 ||
	    part_set(&p->facts.modified, NULL, d) == -1)
		return -1;
	return ftruncate(p->fd, 0) == 0 ? 0 : diag_errno(d, "cannot write %s",
	    p->file);
}

int
part_describe(struct part *p, const char *etag, const char *modified,
    uint64_t total, struct diag *d)
{
	p->facts.total = total;
	if (part_set(&p->facts.etag, etag, d) == -1 ||
	    part_set(&p->facts.modified, modified, d) == -1)
		return -1;
	return part_write_facts(p, d);
}

bool
part_resumable(const struct part *p)
{
	return p->len > 0 && (p->facts.modified != NULL ||
	    (p->facts.etag != NULL && p->facts.etag[0] == '"'));
}

static int
sync_some(struct part *p, struct diag *d)
{
	if (p->there - p->facts.safe < SYNC_EVERY)
		return 0;
	if (fdatasync(p->fd) == -1)
		return diag_errno(d, "cannot write %s", p->file);
	p->facts.safe = p->there;
	return part_write_facts(p, d);
}

int
part_flush(struct part *p, struct diag *d)
{
	uint64_t at = p->len - p->used;

	if (p->used == 0)
		return 0;
	if ((at / ROOM_EVERY != p->len / ROOM_EVERY || at == 0) &&
	    sparse_room(p->fd, 0, d) == -1)
		return -1;
	if (sparse_write(p->fd, p->buffer, p->used, at) == -1 ||
	    sparse_end(p->fd, p->len) == -1)
		return diag_errno(d, "cannot write %s", p->file);
	p->used = 0;
	pthread_mutex_lock(&p->lock);
	p->there = p->len;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	return sync_some(p, d);
}

int
part_write(struct part *p, const void *data, size_t len, struct diag *d)
{
	const char *at = data;

	while (len > 0) {
		size_t n = PART_BUFFER - p->used < len ? PART_BUFFER - p->used : len;

		memcpy(p->buffer + p->used, at, n);
		p->used += n;
		p->len += n;
		at += n;
		len -= n;
		if (p->used == PART_BUFFER && part_flush(p, d) == -1)
			return -1;
	}
	return 0;
}

void
part_end(struct part *p)
{
	pthread_mutex_lock(&p->lock);
	p->ended = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
}

/* --- the reader ----------------------------------------------------------- */

/* Wait until there is something; how much may be read, 0: look why. */
static size_t
await_bytes(struct part *p, unsigned epoch, uint64_t offset, size_t size,
    enum part_read *why)
{
	size_t n = 0;

	pthread_mutex_lock(&p->lock);
	while (!p->aborted && p->epoch == epoch && p->there <= offset &&
	    !p->ended)
		pthread_cond_wait(&p->more, &p->lock);
	if (p->aborted)
		*why = PART_ABORTED;
	else if (p->epoch != epoch)
		*why = PART_ANEW;
	else if (p->there <= offset)
		*why = PART_END;
	else
		n = p->there - offset < size ? (size_t)(p->there - offset) :
		    size;
	pthread_mutex_unlock(&p->lock);
	return n;
}

enum part_read
part_read(struct part *p, unsigned epoch, uint64_t offset, void *dst,
    size_t size, size_t *got)
{
	enum part_read why = PART_DATA;
	size_t n = await_bytes(p, epoch, offset, size, &why);
	ssize_t rc;

	*got = 0;
	if (n == 0)
		return why;
	while ((rc = pread(p->fd, dst, n, (off_t)offset)) == -1)
		if (errno != EINTR)
			return PART_ERROR;
	/* It was cut off just now. */
	if (rc == 0)
		return part_epoch(p) != epoch ? PART_ANEW : PART_ERROR;
	*got = (size_t)rc;
	return PART_DATA;
}

unsigned
part_epoch(struct part *p)
{
	unsigned epoch;

	pthread_mutex_lock(&p->lock);
	epoch = p->epoch;
	pthread_mutex_unlock(&p->lock);
	return epoch;
}

void
part_abort(struct part *p)
{
	pthread_mutex_lock(&p->lock);
	p->aborted = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
}

bool
part_aborted(struct part *p)
{
	bool aborted;

	pthread_mutex_lock(&p->lock);
	aborted = p->aborted;
	pthread_mutex_unlock(&p->lock);
	return aborted;
}
