/* sparse: blocks of 4 KiB, which is what file systems allocate. */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "fetch/sparse.h"

#define BLOCK 4096
/* What the last bytes of the disk are for: the twentieth, at most this. */
#define RESERVE_MAX (UINT64_C(1) << 30)
#define RESERVE_PART 20

static bool
is_zero(const char *data, size_t len)
{
	return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

static int
write_all(int fd, const char *data, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, (off_t)offset);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		data += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* The piece up to the next block's start, or the end. */
static size_t
piece(uint64_t offset, size_t len)
{
	size_t n = BLOCK - (size_t)(offset % BLOCK);

	return n < len ? n : len;
}

int
sparse_write(int fd, const void *data, size_t len, uint64_t offset)
{
	const char *p = data;

	while (len > 0) {
		size_t n = piece(offset, len), run = 0;

		/* As many blocks as there are with something in them. */
		while (n > 0 && !is_zero(p + run, n)) {
			run += n;
			n = piece(offset + run, len - run);
		}
		if (run > 0 && write_all(fd, p, run, offset) == -1)
			return -1;
		run += n; /* a block of zeroes, or nothing at the end */
		p += run;
		offset += run;
		len -= run;
	}
	return 0;
}

int
sparse_end(int fd, uint64_t size)
{
	return ftruncate(fd, (off_t)size);
}

int
sparse_room(int fd, uint64_t bytes, struct diag *d)
{
	char need[SIZE_TEXT], have[SIZE_TEXT], keep[SIZE_TEXT];
	uint64_t total, avail, reserve;
	struct statvfs v;

	if (fstatvfs(fd, &v) == -1)
		return diag_errno(d, "cannot tell how much room there is");
	total = (uint64_t)v.f_blocks * v.f_frsize;
	avail = (uint64_t)v.f_bavail * v.f_frsize;
	reserve = total / RESERVE_PART;
	if (reserve > RESERVE_MAX)
		reserve = RESERVE_MAX;
	if (avail >= reserve && avail - reserve >= bytes)
		return 0;
	errno = ENOSPC;
	size_human(have, sizeof(have), avail);
	size_human(keep, sizeof(keep), reserve);
	if (bytes == 0)
		return diag_set(d, "the disk is full: %s are left, of which %s "
		    "are kept for others", have, keep);
	return diag_set(d, "there is no room: %s are needed, and of the %s "
	    "that are left %s are kept for others",
	    size_human(need, sizeof(need), bytes), have, keep);
}
