/*
 * stats: the mapping, which the daemon and readers have alike, and the way in
 * for readers, who believe nothing of the file that they did not check.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "spool/places.h"
#include "spool/statsfile.h"

int
stats_map(struct stats *s, int fd, uint32_t exports, uint32_t conns,
    bool writable)
{
	struct stats_layout l;
	char *base;

	s->fd = fd;
	if (!stats_layout(&l, exports, conns)) {
		errno = EINVAL;
		return -1;
	}
	base = mmap(NULL, l.end, writable ? PROT_READ | PROT_WRITE : PROT_READ,
	    MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return -1;
	s->base = base;
	s->size = l.end;
	s->header = (struct stats_header *)base;
	s->exports = (struct stats_export_slot *)(base + l.exports);
	s->conns = (struct stats_conn_slot *)(base + l.conns);
	s->nexports = exports;
	s->nconns = conns;
	return 0;
}

void
stats_close(struct stats *s)
{
	if (s == NULL)
		return;
	if (s->base != NULL)
		munmap(s->base, s->size);
	if (s->fd != -1)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s->export_slots.free);
	free(s->conn_slots.free);
	free(s->refs);
	free(s->seen);
	free(s);
}

static int
check_header(const struct stats_header *h, off_t size, struct diag *d)
{
	struct stats_layout l;

	if (memcmp(h->magic, STATS_MAGIC, sizeof(h->magic)) != 0)
		return diag_set(d, "%s is not a file of nbdmuxd's counters",
		    STATE_STATS);
	if (h->version != STATS_VERSION)
		return diag_set(d, "%s has version %u and this program reads "
		    "version %d; use the programs of the daemon's version",
		    STATE_STATS, h->version, STATS_VERSION);
	if (h->header_size != sizeof(*h) ||
	    h->export_size != sizeof(struct stats_export_slot) ||
	    h->conn_size != sizeof(struct stats_conn_slot) ||
	    !stats_layout(&l, h->exports, h->conns) ||
	    (uint64_t)size < l.end)
		return diag_set(d, "%s is damaged: its sizes cannot be true",
		    STATE_STATS);
	return 0;
}

static int
open_file(int statefd, struct stats_header *h, struct diag *d)
{
	struct stat st;
	int fd = openat(statefd, STATE_STATS,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1) {
		diag_errno(d, "cannot read the counters %s", STATE_STATS);
		return -1;
	}
	errno = EINVAL;
	if (fstat(fd, &st) == -1)
		diag_errno(d, "cannot read the counters %s", STATE_STATS);
	else if (!S_ISREG(st.st_mode) ||
	    pread(fd, h, sizeof(*h), 0) != sizeof(*h))
		diag_set(d, "%s is not a file of nbdmuxd's counters",
		    STATE_STATS);
	else if (check_header(h, st.st_size, d) == 0)
		return fd;
	file_close(fd);
	return -1;
}

struct stats *
stats_open(int statefd, struct diag *d)
{
	struct stats *s = calloc(1, sizeof(*s));
	struct stats_header h;
	int fd;

	if (s == NULL) {
		diag_errno(d, "cannot read the counters");
		return NULL;
	}
	s->fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	fd = open_file(statefd, &h, d);
	if (fd == -1)
		goto bad;
	if (stats_map(s, fd, h.exports, h.conns, false) == -1) {
		diag_errno(d, "cannot map the counters %s", STATE_STATS);
		goto bad;
	}
	s->seen = calloc(h.exports != 0 ? h.exports : 1, sizeof(*s->seen));
	if (s->seen == NULL) {
		diag_errno(d, "cannot read the counters");
		goto bad;
	}
	return s;
bad:
	stats_close(s);
	return NULL;
}

/* A file that is cut would be a SIGBUS; one that was replaced is history. */
int
stats_still_there(struct stats *s, struct diag *d)
{
	struct stat st;

	if (fstat(s->fd, &st) == -1)
		return diag_errno(d, "cannot read the counters");
	errno = ESTALE;
	if ((uint64_t)st.st_size < s->size)
		return diag_set(d, "%s is damaged: it was cut", STATE_STATS);
	if (st.st_nlink == 0)
		return diag_set(d, "%s was replaced: the daemon was started "
		    "anew", STATE_STATS);
	return 0;
}
