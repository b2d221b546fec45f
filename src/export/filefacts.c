/* filefacts: what the kernel tells about a file or device, for the file
 * backend's capabilities and block sizes. */
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "export/filepriv.h"

#define PREFERRED_MIN 4096
#define PREFERRED_MAX (32 * 1024 * 1024) /* more is no block any more */

/* The first byte of a sysfs file of a block device, or 0. */
static char
sysfs_byte(dev_t dev, const char *name)
{
	char path[96], c = 0;
	int fd;

	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/%s", major(dev),
	    minor(dev), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	if (read(fd, &c, 1) != 1)
		c = 0;
	close(fd);
	return c;
}

/* A partition has no queue of its own; its disk is the folder above. */
static bool
rotational(dev_t dev)
{
	char c = sysfs_byte(dev, "queue/rotational");

	if (c == 0)
		c = sysfs_byte(dev, "../queue/rotational");
	return c == '1';
}

static uint32_t
preferred(const struct file *f, const struct stat *st)
{
	unsigned physical = 0, optimal = 0, want, size = PREFERRED_MIN;

	if (f->device) {
		(void)ioctl(f->fd, BLKPBSZGET, &physical);
		(void)ioctl(f->fd, BLKIOOPT, &optimal);
		want = physical > optimal ? physical : optimal;
	} else {
		want = st->st_blksize < PREFERRED_MAX ?
		    (unsigned)st->st_blksize : PREFERRED_MAX;
	}
	while (size < want && size < PREFERRED_MAX)
		size *= 2;
	return size;
}

static uint32_t
alignment(const struct file *f)
{
	int size = 0;

	if (!f->device)
		return 1;
	if (ioctl(f->fd, BLKSSZGET, &size) == -1 || size <= 0)
		return 4096;
	return (uint32_t)size;
}

/*
 * tmpfs refuses RWF_NOWAIT, but its pages are memory like the daemon's own:
 * copying them waits for no disk that a page fault would not wait for.
 */
static int
try_flags(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		return 0;
	return RWF_NOWAIT;
}

void
file_facts(struct file *f, const struct stat *st, bool writable)
{
	f->device = S_ISBLK(st->st_mode);
	f->align = alignment(f);
	/* A device node on tmpfs (/dev) is not in memory. */
	f->try_flags = f->device ? RWF_NOWAIT : try_flags(f->fd);
	f->memory = f->try_flags == 0;
	f->backend.block_min = 1;
	f->backend.block_preferred = preferred(f, st);
	f->backend.caps = BACKEND_FLUSH | BACKEND_FUA | BACKEND_CACHE |
	    BACKEND_MULTI_CONN;
	if (writable)
		f->backend.caps |= BACKEND_WRITE | BACKEND_TRIM |
		    BACKEND_ZERO | BACKEND_FAST_ZERO;
	if (rotational(f->device ? st->st_rdev : st->st_dev))
		f->backend.caps |= BACKEND_ROTATIONAL;
}
