/*
 * filemap: what of a file is data and what a hole, as SEEK_DATA and SEEK_HOLE
 * tell.  Areas that are allocated but were never written count as holes there:
 * they read as zeroes.  Block devices have no such call and no map.
 */
#include <errno.h>
#include <unistd.h>

#include "export/filepriv.h"

/*
 * An extent takes one call.  More are only needed where somebody changes the
 * file meanwhile, so that what was found does not fit together.
 */
#define CALLS_MORE 16
#define KNOW_MIN (1024 * 1024) /* bytes: less is found again at once */

struct walk {
	struct file *f;
	struct extents *found;
	uint64_t at, wanted, end; /* bytes; end is the backend's */
};

static bool
unsupported(int error)
{
	return error == EINVAL || error == EOPNOTSUPP || error == ENOSYS;
}

/* Where the next data or hole begins, at most the end; -1: errno. */
static int
seek(const struct walk *w, int whence, uint64_t *next)
{
	off_t found = lseek(w->f->fd, (off_t)w->at, whence);

	if (found == -1)
		return -1;
	*next = (uint64_t)found < w->end ? (uint64_t)found : w->end;
	return 0;
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The end of the data that is known to be here, or 0. */
static uint64_t
known_end(struct walk *w)
{
	struct known_data *k = &w->f->known;
	uint64_t until = 0;
	struct stat st;

	pthread_mutex_lock(&k->lock);
	if (w->at >= k->start && w->at < k->end) {
		if (fstat(w->f->fd, &st) == 0 &&
		    same_time(&st.st_ctim, &k->changed))
			until = k->end;
		else
			k->end = 0;
	}
	pthread_mutex_unlock(&k->lock);
	return until;
}

static void
remember(struct walk *w, uint64_t until)
{
	struct known_data *k = &w->f->known;
	struct stat st;

	if (until - w->at < KNOW_MIN || fstat(w->f->fd, &st) == -1)
		return;
	pthread_mutex_lock(&k->lock);
	k->start = w->at;
	k->end = until;
	k->changed = st.st_ctim;
	pthread_mutex_unlock(&k->lock);
}

/* All up to next is of that kind. */
static int
reach(struct walk *w, uint64_t next, unsigned flags)
{
	if (next <= w->at)
		return 0; /* changed meanwhile: look again */
	if (!extents_add(w->found, next - w->at, flags))
		return ENOSPC;
	w->at = next;
	return 0;
}

/*
 * No data from here on: a hole up to the end of the file.  A file that ends
 * before has shrunk, which is looked for last of all, so that no zeroes are
 * told of what is not there.
 */
static int
last_hole(struct walk *w)
{
	struct stat st;

	if (fstat(w->f->fd, &st) == -1)
		return errno;
	if ((uint64_t)st.st_size <= w->at)
		return EIO;
	return reach(w, (uint64_t)st.st_size < w->end ?
	    (uint64_t)st.st_size : w->end, EXTENT_HOLE | EXTENT_ZERO);
}

/* One or two extents on.  An errno value: that is as far as it goes. */
static int
step(struct walk *w)
{
	uint64_t next = known_end(w);
	int error;

	if (next != 0)
		return reach(w, next, 0);
	if (seek(w, SEEK_DATA, &next) == -1) {
		if (errno == ENXIO)
			return last_hole(w);
		return unsupported(errno) ? reach(w, w->end, 0) : errno;
	}
	error = reach(w, next, EXTENT_HOLE | EXTENT_ZERO);
	if (error != 0 || w->at >= w->wanted)
		return error;
	if (seek(w, SEEK_HOLE, &next) == -1)
		return errno == ENXIO ? EIO : errno;
	if (next > w->at)
		remember(w, next);
	return reach(w, next, 0);
}

int
file_map(struct file *f, const struct io *io)
{
	struct walk w = { f, io->data, io->offset, io->offset + io->length,
		f->backend.size };
	size_t calls;
	int error = 0;

	w.found->count = 0;
	for (calls = 0; error == 0 && w.at < w.wanted; calls++) {
		if (calls == w.found->max + CALLS_MORE)
			break;
		error = step(&w);
	}
	if (w.found->count > 0)
		return 0;
	/* Nobody who changes it so fast can tell that it is not data. */
	return error != 0 ? error : reach(&w, w.wanted, 0);
}

/*
 * Where the next data begins, at most the end; the offset itself where that is
 * not known.  Up to the end there is a hole only while the file reaches that
 * far.
 */
static uint64_t
next_data(const struct file *f, uint64_t offset)
{
	uint64_t size = f->backend.size;
	struct stat st;
	off_t data;

	data = lseek(f->fd, (off_t)offset, SEEK_DATA);
	if (data == -1)
		return errno == ENXIO && fstat(f->fd, &st) == 0 &&
		    (uint64_t)st.st_size >= size ? size : offset;
	return (uint64_t)data < size ? (uint64_t)data : size;
}

/* 0: not known. */
static uint64_t
next_hole(const struct file *f, uint64_t offset)
{
	off_t hole = lseek(f->fd, (off_t)offset, SEEK_HOLE);

	if (hole == -1 || (uint64_t)hole <= offset)
		return 0;
	return (uint64_t)hole < f->backend.size ?
	    (uint64_t)hole : f->backend.size;
}

static bool
has_holes(const struct file *f)
{
	return atomic_load_explicit(&f->sparse, memory_order_relaxed);
}

bool
file_is_hole(struct file *f, uint64_t offset, uint64_t length)
{
	return has_holes(f) && next_data(f, offset) >= offset + length;
}

/*
 * Clients that know where data is ask for blocks around it all the same:
 * nbdcopy reads 256 KiB for a piece of 64, and gets a quarter of them then.
 */
static void
look_for_parts(const struct file *f, struct io *io, uint64_t data)
{
	uint64_t end = io->offset + io->length, hole = io->data_end;

	if (data - io->offset >= FILE_PART_MIN)
		io->zeroes = data - io->offset;
	if (hole != 0 && hole < end && end - hole >= FILE_PART_MIN &&
	    next_data(f, hole) >= end)
		io->tail = end - hole;
}

void
file_look(struct file *f, struct io *io)
{
	uint64_t data;

	io->zeroes = io->tail = io->data_end = 0;
	if (!has_holes(f))
		return;
	data = next_data(f, io->offset);
	if (data - io->offset >= io->length) {
		io->zeroes = data - io->offset;
		return;
	}
	if (io->length < FILE_LOOK_MIN)
		return;
	if (data == io->offset || (io->flags & IO_PARTS))
		io->data_end = next_hole(f, data);
	if (io->flags & IO_PARTS)
		look_for_parts(f, io, data);
}

/*
 * One look, when the backend is made: a hole before the end, and whether this
 * file system knows of holes at all.
 */
void
file_map_facts(struct file *f)
{
	off_t hole;

	pthread_mutex_init(&f->known.lock, NULL);
	atomic_init(&f->sparse, false);
	if (f->device)
		return;
	hole = lseek(f->fd, 0, SEEK_HOLE);
	if (hole == -1)
		return;
	f->backend.caps |= BACKEND_MAP;
	atomic_init(&f->sparse, (uint64_t)hole < f->backend.size);
}

void
file_map_free(struct file *f)
{
	pthread_mutex_destroy(&f->known.lock);
}
