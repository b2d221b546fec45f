/*
 * filecache: asks the kernel what is in its page cache, so that a loop sends
 * from a file only what needs no disk.  cachestat(2) is of Linux 6.5; newer
 * kernels answer only who owns or may write the file.  Where it does not
 * answer, reads are copied, which RWF_NOWAIT keeps from waiting.
 */
#include <sys/syscall.h>

#include <unistd.h>

#include "export/filepriv.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451 /* the same number on all architectures */
#endif

/* As linux/mman.h has them in newer headers than Debian 12's. */
struct cache_range {
	uint64_t offset, length;
};

struct cache_state {
	uint64_t cached, dirty, writeback, evicted, recently_evicted; /* pages */
};

/*
 * The page cache may reach beyond the end of a file that has shrunk; a read
 * there is an error that can still be told, a send is a connection lost.
 */
static bool
within(const struct file *f, uint64_t end)
{
	struct stat st;

	return f->device ||
	    (fstat(f->fd, &st) == 0 && (uint64_t)st.st_size >= end);
}

bool
file_in_cache(struct file *f, uint64_t offset, size_t len)
{
	struct cache_range range = { offset, len };
	struct cache_state state;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), pages;

	if (len == 0 || !within(f, offset + len))
		return false;
	if (f->memory) /* but holes are better told than sent */
		return !file_is_hole(f, offset, len);
	if (file_lacks(f, LACK_CACHESTAT))
		return false;
	if (syscall(SYS_cachestat, f->fd, &range, &state, 0) == -1) {
		file_lacking(f, LACK_CACHESTAT);
		return false;
	}
	pages = (offset + len - 1) / page - offset / page + 1;
	return state.cached == pages;
}
