/*
 * unpack: libarchive's filters without its formats.  It is fed from the file
 * and not from the network, so a connection that is cut costs it nothing.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fetch/sparse.h"
#include "fetch/unpack.h"

#define BUFFER (256 * 1024)
#define ROOM_EVERY (UINT64_C(1) << 20)
#define SIZE_MOST (UINT64_C(1) << 44) /* 16 TiB: no disk is larger */

enum step { STEP_DONE, STEP_ANEW, STEP_FAILED };

/* One way through the download, from its first byte. */
struct pass {
	struct unpack *u;
	unsigned epoch;
	uint64_t at;
	struct digest digest;
	enum part_read last; /* why there was nothing more to read */
	char head[HEAD_SIZE];
	size_t nhead;
	char *buffer;
	uint64_t room_at; /* where the room is looked at again */
};

/* --- reading -------------------------------------------------------------- */

static ssize_t
next(struct pass *p)
{
	struct unpack *u = p->u;
	size_t got;

	p->last = part_read(u->part, p->epoch, p->at, p->buffer, BUFFER, &got);
	if (p->last != PART_DATA)
		return p->last == PART_END ? 0 : -1;
	digest_add(&p->digest, p->buffer, got);
	p->at += got;
	atomic_store(&u->seen, p->at);
	return (ssize_t)got;
}

/* The first bytes, which are read again afterwards. */
static int
read_head(struct pass *p)
{
	size_t got;

	while (p->nhead < HEAD_SIZE) {
		p->last = part_read(p->u->part, p->epoch, p->nhead, p->head +
		    p->nhead, HEAD_SIZE - p->nhead, &got);
		if (p->last == PART_END)
			return 0;
		if (p->last != PART_DATA)
			return -1;
		p->nhead += got;
	}
	return 0;
}

static int
drain(struct pass *p)
{
	ssize_t n;

	while ((n = next(p)) > 0)
		;
	return n == 0 ? 0 : -1;
}

/* --- decompressing -------------------------------------------------------- */

static la_ssize_t
on_read(struct archive *a, void *arg, const void **data)
{
	struct pass *p = arg;
	ssize_t n = next(p);

	*data = p->buffer;
	if (n == -1)
		archive_set_error(a, EIO, "the download was interrupted");
	return n;
}

static int
write_block(struct pass *p, const void *data, size_t len, uint64_t offset)
{
	struct unpack *u = p->u;

	if (offset > SIZE_MOST - len)
		return diag_set(&u->error, "it is more than 16T when "
		    "decompressed");
	if (offset + len >= p->room_at) {
		p->room_at = offset + len + ROOM_EVERY;
		if (sparse_room(u->outfd, 0, &u->error) == -1) {
			u->full = true;
			return -1;
		}
	}
	if (sparse_write(u->outfd, data, len, offset) == -1) {
		u->full = errno == ENOSPC || errno == EDQUOT;
		return diag_errno(&u->error, "cannot write %s", u->file);
	}
	if (offset + len > u->size)
		u->size = offset + len;
	return 0;
}

static int
damaged(struct pass *p, struct archive *a)
{
	const char *why = archive_error_string(a);

	if (p->last != PART_DATA && p->last != PART_END)
		return -1;
	return diag_set(&p->u->error, "it is truncated or damaged: %s",
	    why != NULL ? why : "it cannot be decompressed");
}

static int
copy_blocks(struct pass *p, struct archive *a)
{
	const void *data;
	la_int64_t offset;
	size_t len;
	int rc;

	while ((rc = archive_read_data_block(a, &data, &len, &offset)) ==
	    ARCHIVE_OK)
		if (len > 0 && write_block(p, data, len, (uint64_t)offset) ==
		    -1)
			return -1;
	return rc == ARCHIVE_EOF ? 0 : damaged(p, a);
}

static int
decompress(struct pass *p, struct archive *a)
{
	struct archive_entry *entry;
	int rc;

	archive_read_support_filter_gzip(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_format_raw(a);
	if (archive_read_open(a, p, NULL, on_read, NULL) != ARCHIVE_OK)
		return damaged(p, a);
	rc = archive_read_next_header(a, &entry);
	if (rc == ARCHIVE_EOF)
		return diag_set(&p->u->error, "it is empty when decompressed");
	if (rc != ARCHIVE_OK || copy_blocks(p, a) == -1)
		return rc != ARCHIVE_OK ? damaged(p, a) : -1;
	return drain(p); /* the sums are of all of it */
}

/* What came out may be something that has to be converted. */
static int
look_inside(struct unpack *u)
{
	char head[HEAD_SIZE];
	enum head_kind kind;
	ssize_t n;

	if (sparse_end(u->outfd, u->size) == -1 ||
	    (n = pread(u->outfd, head, sizeof(head), 0)) == -1)
		return diag_errno(&u->error, "cannot write %s", u->file);
	if (head_inside(head, (size_t)n, &kind, &u->driver, &u->error) == -1)
		return -1;
	return kind != HEAD_FILTER ? 0 : diag_set(&u->error, "it is compressed "
	    "more than once");
}

static int
filter(struct pass *p)
{
	struct unpack *u = p->u;
	struct archive *a = archive_read_new();
	int rc;

	if (a == NULL)
		return diag_set(&u->error, "out of memory");
	u->filtered = true;
	atomic_store(&u->filtering, true);
	rc = sparse_room(u->outfd, head_size(p->head, p->nhead), &u->error);
	if (rc == -1)
		u->full = true;
	else
		rc = decompress(p, a);
	archive_read_free(a);
	return rc == 0 ? look_inside(u) : -1;
}

/* --- the thread ----------------------------------------------------------- */

static int
go_through(struct pass *p)
{
	struct unpack *u = p->u;

	if (read_head(p) == -1)
		return -1;
	if (head_look(p->head, p->nhead, u->content, &u->kind, &u->driver,
	    &u->error) == -1)
		return -1;
	if (u->kind == HEAD_FILTER)
		return filter(p);
	if (drain(p) == -1)
		return -1;
	u->size = p->at;
	return 0;
}

static enum step
one_pass(struct unpack *u, char *buffer)
{
	struct pass p = { .u = u, .epoch = part_epoch(u->part),
		.buffer = buffer, .last = PART_DATA };
	int rc;

	u->size = 0;
	u->filtered = u->full = false;
	atomic_store(&u->filtering, false);
	u->error.text[0] = '\0';
	digest_begin(&p.digest, u->wide);
	if (ftruncate(u->outfd, 0) == -1) {
		diag_errno(&u->error, "cannot write %s", u->file);
		return STEP_FAILED;
	}
	rc = go_through(&p);
	if (rc == 0) {
		digest_end(&p.digest, u->sha256, u->sha512);
		return STEP_DONE;
	}
	if (p.last == PART_ANEW)
		return STEP_ANEW;
	if (p.last == PART_ERROR)
		diag_errno(&u->error, "cannot read %s", u->part->file);
	return STEP_FAILED;
}

static void *
run(void *arg)
{
	struct unpack *u = arg;
	char *buffer = malloc(BUFFER);
	enum step step = STEP_FAILED;

	if (buffer == NULL)
		diag_set(&u->error, "out of memory");
	else
		while ((step = one_pass(u, buffer)) == STEP_ANEW)
			;
	free(buffer);
	if (step == STEP_FAILED)
		part_abort(u->part); /* there is no use in more of it */
	atomic_store(&u->over, true);
	return step == STEP_FAILED ? u : NULL;
}

int
unpack_start(struct unpack *u, struct diag *d)
{
	int error;

	fetched_work(u->file, u->name, WORK_IMAGE);
	u->outfd = openat(u->part->imagesfd, u->file, O_RDWR | O_CREAT |
	    O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (u->outfd == -1)
		return diag_errno(d, "cannot make %s", u->file);
	error = pthread_create(&u->thread, NULL, run, u);
	if (error == 0)
		return 0;
	errno = error;
	diag_errno(d, "cannot start a thread");
	close(u->outfd);
	u->outfd = -1;
	return -1;
}

int
unpack_join(struct unpack *u)
{
	void *failed;

	pthread_join(u->thread, &failed);
	return failed == NULL ? 0 : -1;
}
