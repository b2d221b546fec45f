/*
 * file: regular files and block devices through the page cache.  On a loop a
 * request is tried without waiting for the disk; what would wait is done
 * again, whole, by a worker.
 */
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "export/filepriv.h"

/* Readahead is cut to the device's window per call, so ask in such pieces. */
#define CACHE_PIECE (128 * 1024)
#define CACHE_MOST (1024 * 1024 * 1024)

static bool
unsupported(int error)
{
	return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL;
}

/*
 * Anything but a full read goes to the worker: part of it may not be cached,
 * the file may have shrunk, and the worker finds the true error.
 */
static int
read_now(struct backend *b, void *data, uint64_t offset, size_t len)
{
	struct file *f = (struct file *)b;
	struct iovec v = { data, len };
	ssize_t n;

	if (file_lacks(f, LACK_TRY_READ))
		return EAGAIN;
	n = preadv2(f->fd, &v, 1, (off_t)offset, f->try_flags);
	if (n >= 0 && (size_t)n == len)
		return 0;
	if (n < 0 && unsupported(errno))
		file_lacking(f, LACK_TRY_READ);
	return EAGAIN;
}

static int
cached(struct backend *b, uint64_t offset, size_t len)
{
	struct file *f = (struct file *)b;

	if (file_lacks(f, LACK_SENDFILE))
		return -1;
	return file_in_cache(f, offset, len) ? f->fd : -1;
}

static void
unsendable(struct backend *b)
{
	file_lacking((struct file *)b, LACK_SENDFILE);
}

static bool
sparse(struct backend *b)
{
	struct file *f = (struct file *)b;

	return atomic_load_explicit(&f->sparse, memory_order_relaxed);
}

static enum io_verdict
try_write(struct file *f, struct io *io)
{
	struct iovec v = { io->data, io->length };
	ssize_t n;

	if ((io->flags & IO_FUA) || file_lacks(f, LACK_TRY_WRITE))
		return IO_BLOCK;
	n = pwritev2(f->fd, &v, 1, (off_t)io->offset, f->try_flags);
	if (n >= 0 && (uint64_t)n == io->length)
		return IO_DONE;
	if (n < 0 && unsupported(errno))
		file_lacking(f, LACK_TRY_WRITE);
	return IO_BLOCK;
}

/* A hole that the caller wants told rather than read. */
static bool
skip_hole(struct file *f, struct io *io)
{
	if (io->flags & IO_SPARSE)
		file_look(f, io);
	return io->zeroes >= io->length;
}

/*
 * A long read is worth a look at where its data ends, once: what lies before
 * that is then sent without a copy.  Where memory is all there is to look at,
 * looking waits for nothing.
 */
static enum io_verdict
try_read(struct file *f, struct io *io)
{
	if (f->memory && skip_hole(f, io))
		return IO_DONE;
	if (!f->memory && (io->flags & IO_SPARSE) &&
	    io->length >= FILE_LOOK_MIN && sparse(&f->backend))
		return IO_BLOCK;
	if (io->flags & IO_TRIED)
		return IO_BLOCK;
	return read_now(&f->backend, (char *)io->data + io->zeroes,
	    io->offset + io->zeroes, io->length - io->zeroes - io->tail) == 0 ?
	    IO_DONE : IO_BLOCK;
}

static enum io_verdict
submit(struct backend *b, struct io *io)
{
	struct file *f = (struct file *)b;

	switch (io->op) {
	case IO_READ:
		return try_read(f, io);
	case IO_WRITE:
		return try_write(f, io);
	case IO_FLUSH:
		/* Nothing was written through a read-only descriptor. */
		return b->caps & BACKEND_WRITE ? IO_BLOCK : IO_DONE;
	default:
		return IO_BLOCK;
	}
}

/* A file that ends early has shrunk; invented zeroes would hide that. */
static int
read_all(struct file *f, const struct io *io)
{
	uint64_t done = io->zeroes, end = io->length - io->tail;
	ssize_t n;

	while (done < end) {
		n = pread(f->fd, (char *)io->data + done, end - done,
		    (off_t)(io->offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return EIO;
		done += (uint64_t)n;
	}
	return 0;
}

static int
write_all(struct file *f, const struct io *io, int rwf)
{
	uint64_t done = 0;
	struct iovec v;
	ssize_t n;

	while (done < io->length) {
		v.iov_base = (char *)io->data + done;
		v.iov_len = io->length - done;
		n = pwritev2(f->fd, &v, 1, (off_t)(io->offset + done), rwf);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return EIO;
		done += (uint64_t)n;
	}
	return 0;
}

int
file_write(struct file *f, const struct io *io)
{
	return write_all(f, io, 0);
}

/* Data that others were told is written is lost: no later flush may succeed. */
static void
lost(struct file *f, int error)
{
	int none = 0;

	atomic_compare_exchange_strong(&f->backend.flush_error, &none, error);
}

int
file_sync(struct file *f)
{
	while (fdatasync(f->fd) == -1)
		if (errno != EINTR) {
			int error = errno;

			lost(f, error);
			return error;
		}
	return 0;
}

/* A sync before it may have been told what was lost: that is told once. */
int
file_flush(struct file *f)
{
	int error = file_sync(f);

	return error != 0 ? error : atomic_load(&f->backend.flush_error);
}

/*
 * RWF_DSYNC fails either because the write was refused (no space: the client
 * is told, nothing else is lost) or because writing back failed, now or
 * earlier, which the kernel tells only once.  A refused write is refused
 * again without the flag; when it is not, or on EIO, data was lost.
 */
static int
write_fua(struct file *f, const struct io *io)
{
	int error = write_all(f, io, RWF_DSYNC);

	if (error != 0 && (error == EIO || write_all(f, io, 0) == 0))
		lost(f, error);
	return error;
}

/*
 * Only a hint: what cannot be read ahead fails when it is read, and what goes
 * beyond a gigabyte would drive out of memory what was read ahead before it.
 */
static int
cache(struct file *f, const struct io *io)
{
	uint64_t at = io->offset, end = io->offset + io->length, n;

	if (io->length > CACHE_MOST)
		end = at + CACHE_MOST;
	for (; at < end; at += n) {
		n = end - at < CACHE_PIECE ? end - at : CACHE_PIECE;
		if (posix_fadvise(f->fd, (off_t)at, (off_t)n,
		    POSIX_FADV_WILLNEED) != 0)
			break;
	}
	return 0;
}

int
file_execute(struct file *f, struct io *io)
{
	switch (io->op) {
	case IO_READ:
		return skip_hole(f, io) ? 0 : read_all(f, io);
	case IO_WRITE:
		return io->flags & IO_FUA ? write_fua(f, io) :
		                            file_write(f, io);
	case IO_FLUSH:
		return f->backend.caps & BACKEND_WRITE ? file_flush(f) : 0;
	case IO_TRIM:
		return file_trim(f, io);
	case IO_ZERO:
		return file_zero(f, io);
	case IO_CACHE:
		return cache(f, io);
	case IO_MAP:
		return file_map(f, io);
	}
	return EINVAL;
}

static enum io_verdict
work(struct backend *b, struct io *io)
{
	io->error = file_execute((struct file *)b, io);
	return IO_DONE;
}

static void
file_free(struct backend *b)
{
	struct file *f = (struct file *)b;

	close(f->fd);
	file_map_free(f);
	free(f);
}

static const struct backend_ops file_ops = {
	.name = "file",
	.submit = submit,
	.work = work,
	.work_list = file_work_list,
	.free = file_free,
	.read_now = read_now,
	.cached = cached,
	.unsendable = unsendable,
	.sparse = sparse,
};

struct backend *
file_backend(int fd, uint64_t size, bool writable, struct diag *d)
{
	struct file *f;
	struct stat st;

	if (fstat(fd, &st) == -1) {
		diag_errno(d, "cannot look at the image");
		return NULL;
	}
	f = calloc(1, sizeof *f);
	if (f == NULL) {
		diag_errno(d, "cannot serve a file");
		return NULL;
	}
	f->backend.ops = &file_ops;
	f->backend.size = size;
	f->fd = fd;
	file_facts(f, &st, writable);
	file_map_facts(f);
	return &f->backend;
}
