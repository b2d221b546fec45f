/*
 * filezero: TRIM and WRITE_ZEROES on files and block devices, by holes where
 * the file system has them, else by writing.
 */
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>

#include "export/filepriv.h"

#define ZERO_PIECE (64 * 1024)
#define ZERO_PIECES 16

struct range {
	uint64_t start, end;
};

/* The whole blocks inside the request; empty when start >= end. */
static struct range
whole_blocks(const struct file *f, const struct io *io)
{
	uint64_t end = io->offset + io->length;
	uint64_t head = io->offset % f->align;
	struct range r;

	r.start = head == 0 ? io->offset : io->offset + (f->align - head);
	r.end = end - end % f->align;
	return r;
}

/* An errno value; EOPNOTSUPP when it cannot be done in this way. */
static int
reserve(struct file *f, int mode, struct range r, enum file_lack lack)
{
	int error;

	if (file_lacks(f, lack))
		return EOPNOTSUPP;
	do {
		error = fallocate(f->fd, mode | FALLOC_FL_KEEP_SIZE,
		    (off_t)r.start, (off_t)(r.end - r.start)) == -1 ? errno : 0;
	} while (error == EINTR);
	if (error == EBUSY) /* the device is in use elsewhere: this time */
		return EOPNOTSUPP;
	if (error == EOPNOTSUPP || error == ENOSYS || error == ENODEV) {
		file_lacking(f, lack);
		return EOPNOTSUPP;
	}
	if (error == 0) /* also what is only marked as zeroes is no data */
		atomic_store(&f->sparse, !f->device);
	return error;
}

static int
punch(struct file *f, struct range r)
{
	return reserve(f, FALLOC_FL_PUNCH_HOLE, r, LACK_PUNCH);
}

static int
zero_range(struct file *f, struct range r)
{
	return reserve(f, FALLOC_FL_ZERO_RANGE, r, LACK_ZERO_RANGE);
}

/* For devices that forget blocks without promising that they read as zero. */
static int
discard(struct file *f, struct range r)
{
	uint64_t arg[2] = { r.start, r.end - r.start };

	if (!f->device || file_lacks(f, LACK_DISCARD))
		return EOPNOTSUPP;
	if (ioctl(f->fd, BLKDISCARD, arg) == 0)
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOTTY)
		file_lacking(f, LACK_DISCARD);
	return errno == ENOTTY || errno == EBUSY ? EOPNOTSUPP : errno;
}

static int
write_zeroes(struct file *f, struct range r)
{
	static const unsigned char zeroes[ZERO_PIECE];
	struct iovec v[ZERO_PIECES];
	uint64_t left;
	ssize_t n;
	int i;

	while (r.start < r.end) {
		left = r.end - r.start;
		for (i = 0; i < ZERO_PIECES && left > 0; i++) {
			v[i].iov_base = (void *)zeroes;
			v[i].iov_len = left < ZERO_PIECE ? left : ZERO_PIECE;
			left -= v[i].iov_len;
		}
		n = pwritev(f->fd, v, i, (off_t)r.start);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		r.start += (uint64_t)n;
	}
	return 0;
}

/*
 * A device's ZERO_RANGE writes zeroes by itself where the hardware has no
 * command for it, so it is not for those who asked for speed or nothing.
 */
static int
zero_blocks(struct file *f, struct range r, unsigned flags)
{
	int error = EOPNOTSUPP;

	if (!(flags & IO_NO_HOLE))
		error = punch(f, r);
	if (error == EOPNOTSUPP && !(f->device && (flags & IO_FAST)))
		error = zero_range(f, r);
	if (error == EOPNOTSUPP)
		error = flags & IO_FAST ? ENOTSUP : write_zeroes(f, r);
	return error;
}

/*
 * The whole blocks go first: when they cannot be zeroed fast, nothing has
 * been changed.  The rest is less than two blocks of a device.
 */
static int
zero(struct file *f, const struct io *io)
{
	uint64_t end = io->offset + io->length;
	struct range r = whole_blocks(f, io);
	int error;

	if (r.start >= r.end) {
		if (io->flags & IO_FAST)
			return ENOTSUP;
		return write_zeroes(f, (struct range){ io->offset, end });
	}
	error = zero_blocks(f, r, io->flags);
	if (error == 0)
		error = write_zeroes(f, (struct range){ io->offset, r.start });
	if (error == 0)
		error = write_zeroes(f, (struct range){ r.end, end });
	return error;
}

int
file_zero(struct file *f, const struct io *io)
{
	int error = zero(f, io);

	if (error == 0 && (io->flags & IO_FUA))
		error = file_sync(f);
	return error;
}

/* TRIM is a hint: where nothing can be given back, that is success. */
int
file_trim(struct file *f, const struct io *io)
{
	struct range r = whole_blocks(f, io);
	int error = 0;

	if (r.start < r.end) {
		error = punch(f, r);
		if (error == EOPNOTSUPP)
			error = discard(f, r);
		if (error == EOPNOTSUPP)
			error = 0;
	}
	if (error == 0 && (io->flags & IO_FUA))
		error = file_sync(f);
	return error;
}
