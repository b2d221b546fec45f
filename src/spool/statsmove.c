/*
 * statsmove: the counters go on in another file, under the feet of those who
 * count: the new file's pages take the place of the old one's.
 */
#include <sys/mman.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "spool/places.h"
#include "spool/statsfile.h"

/* What is in use of the file: each part has had its memory reserved. */
static int
copy_part(struct stats *s, int fd, uint64_t from, uint64_t to)
{
	if (from == to)
		return 0;
	if (stats_reserve(fd, from, to) == -1 ||
	    lseek(fd, (off_t)from, SEEK_SET) == -1)
		return -1;
	return file_write_all(fd, (char *)s->base + from, to - from);
}

static int
copy(struct stats *s, int fd)
{
	const struct stats_slots *e = &s->export_slots, *c = &s->conn_slots;

	if (copy_part(s, fd, 0, sizeof(*s->header)) == -1 ||
	    copy_part(s, fd, e->start, e->ready) == -1 ||
	    copy_part(s, fd, c->start, c->ready) == -1)
		return -1;
	return 0;
}

static int
move(struct stats *s, int statefd)
{
	struct stats_layout l;
	int fd, saved;

	if (!stats_layout(&l, s->nexports, s->nconns) ||
	    (fd = stats_make_file(statefd, &l)) == -1)
		return -1;
	if (copy(s, fd) == 0 &&
	    renameat(statefd, STATS_TEMP, statefd, STATE_STATS) == 0 &&
	    /* cppcheck-suppress leakReturnValNotUsed ; it is s->base again */
	    mmap(s->base, s->size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED) {
		close(s->fd);
		s->fd = fd;
		return 0;
	}
	saved = errno;
	close(fd);
	unlinkat(statefd, STATS_TEMP, 0);
	errno = saved;
	return -1;
}

int
stats_move(struct stats *s, int statefd, struct diag *d)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = move(s, statefd);
	if (rc == -1)
		diag_errno(d, "cannot create the counters %s", STATE_STATS);
	pthread_mutex_unlock(&s->lock);
	return rc;
}
