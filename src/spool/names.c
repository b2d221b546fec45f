/* names: one pass over a directory. */
#include <sys/stat.h>

#include <bsd/string.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "spool/names.h"

void
names_free(struct names *n)
{
	free(n->names);
	n->names = NULL;
	n->count = n->room = 0;
}

static int
add(struct names *n, const char *name)
{
	char(*more)[NAME_SIZE];

	if (n->count == NAMES_MAX) {
		errno = E2BIG;
		return -1;
	}
	more = array_more(n->names, n->count, &n->room, sizeof(*more));
	if (more == NULL)
		return -1;
	n->names = more;
	strlcpy(n->names[n->count++], name, NAME_SIZE);
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* readdir(3) may list a file twice that was renamed meanwhile. */
static void
sort(struct names *n)
{
	size_t kept = 0;

	if (n->count == 0)
		return;
	qsort(n->names, n->count, sizeof(*n->names), compare);
	for (size_t i = 1; i < n->count; i++)
		if (strcmp(n->names[kept], n->names[i]) != 0 && ++kept != i)
			memcpy(n->names[kept], n->names[i],
			    sizeof(*n->names));
	n->count = kept + 1;
}

static int
sort_out(const char *file, const struct names_wanted *wanted, size_t count)
{
	char name[NAME_SIZE];

	for (size_t i = 0; i < count; i++)
		if (name_from_file(name, file, wanted[i].suffix))
			return add(wanted[i].to, name);
	return 0;
}

static int
read_dir(DIR *dir, const struct names_wanted *wanted, size_t count)
{
	const struct dirent *e;

	for (;;) {
		errno = 0;
		e = readdir(dir);
		if (e == NULL)
			return errno == 0 ? 0 : -1;
		if (sort_out(e->d_name, wanted, count) == -1)
			return -1;
	}
}

/* Opened anew: a duplicate would share its position with others. */
static DIR *
open_dir(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir;

	if (fd == -1)
		return NULL;
	dir = fdopendir(fd);
	if (dir == NULL)
		close(fd);
	return dir;
}

int
names_exists(int dirfd, struct diag *d)
{
	struct stat st;

	if (fstat(dirfd, &st) == -1)
		return diag_errno(d, "cannot read the directory");
	if (st.st_nlink == 0) {
		errno = ENOENT;
		return diag_set(d, "the directory was removed");
	}
	return 0;
}

int
names_read(int dirfd, const struct names_wanted *wanted, size_t count,
    struct diag *d)
{
	DIR *dir = open_dir(dirfd);
	int rc, saved;

	if (dir == NULL)
		return diag_errno(d, "cannot read the directory");
	rc = read_dir(dir, wanted, count);
	saved = errno;
	closedir(dir);
	errno = saved;
	if (rc == -1 && errno == E2BIG)
		return diag_set(d, "the directory has more than %d exports",
		    NAMES_MAX);
	if (rc == -1)
		return diag_errno(d, "cannot read the directory");
	for (size_t i = 0; i < count; i++)
		sort(wanted[i].to);
	return names_exists(dirfd, d);
}
