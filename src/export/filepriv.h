/* filepriv: what the parts of the file backend share. */
#ifndef EXPORT_FILEPRIV_H
#define EXPORT_FILEPRIV_H

#include <sys/stat.h>

#include <pthread.h>

#include "export/backend.h"

/* What the file system has said it cannot do; it is not asked again. */
enum file_lack {
	LACK_TRY_READ = 1,  /* RWF_NOWAIT */
	LACK_TRY_WRITE = 2,
	LACK_PUNCH = 4,     /* FALLOC_FL_PUNCH_HOLE */
	LACK_ZERO_RANGE = 8,
	LACK_DISCARD = 16,  /* BLKDISCARD */
	LACK_CACHESTAT = 32, /* cachestat(2) */
	LACK_SENDFILE = 64  /* sendfile(2) */
};

/*
 * The last long run of data that was found.  Looking for its end takes long
 * where the kernel walks through every page (tmpfs), and it would be looked
 * for again by each request in it.  It holds until the file changes, and is
 * safe when that is missed: data is what nobody need know of.
 */
struct known_data {
	pthread_mutex_t lock; /* of all below */
	uint64_t start, end;
	struct timespec changed; /* the file's ctime */
};

struct file {
	struct backend backend; /* first */
	int fd;
	bool device;
	bool memory; /* tmpfs: every page is there */
	uint32_t align; /* bytes: what fallocate wants on this file, 1 or the
	                 * device's logical block */
	int try_flags;  /* of preadv2 and pwritev2 on a loop */
	atomic_uint lacks;
	atomic_bool sparse; /* there may be holes */
	struct known_data known;
};

static inline bool
file_lacks(struct file *f, enum file_lack what)
{
	return atomic_load_explicit(&f->lacks, memory_order_relaxed) & what;
}

static inline void
file_lacking(struct file *f, enum file_lack what)
{
	atomic_fetch_or_explicit(&f->lacks, what, memory_order_relaxed);
}

/* Each answers with an errno value or 0, and may block. */
int file_execute(struct file *f, struct io *io); /* any operation */
int file_write(struct file *f, const struct io *io); /* whatever its flags */
int file_trim(struct file *f, const struct io *io);
int file_zero(struct file *f, const struct io *io);
int file_sync(struct file *f); /* a failure stays, see flush_error */
int file_flush(struct file *f); /* and fails with what stays */
int file_map(struct file *f, const struct io *io);

/* Whether a hole, at least, reaches so far; never in a file without holes.
 * May block. */
bool file_is_hole(struct file *f, uint64_t offset, uint64_t length);

/* filebatch.c: see backend_work_list() */
void file_work_list(struct backend *b, struct job *list);

/*
 * For a read with IO_SPARSE: sets io->zeroes, or, where it is worth a call,
 * io->data_end and what IO_PARTS allows.  May block.
 */
#define FILE_LOOK_MIN 65536 /* bytes */
#define FILE_PART_MIN 4096  /* a hole of less is read */
void file_look(struct file *f, struct io *io);

/* Are all these pages in the page cache? */
bool file_in_cache(struct file *f, uint64_t offset, size_t len);

/* Whether holes can be found, and whether there are any. */
void file_map_facts(struct file *f);
void file_map_free(struct file *f);

/* Sizes, alignment and capabilities as the kernel tells them. */
void file_facts(struct file *f, const struct stat *st, bool writable);

#endif
