/* artifacts: three names of files, and no others. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http/artifacts.h"
#include "spool/netboot.h"

int
artifacts_open(const struct http *h)
{
	char path[PATH_MAX + sizeof("/" DATA_ARTIFACTS)];

	snprintf(path, sizeof(path), "%s/" DATA_ARTIFACTS,
	    h->tool.places.data);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
open_one(int dirfd, const char *name, const char *file, struct stat *st)
{
	char path[ROUTE_ARG_SIZE + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", name, file);
	fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd != -1 && fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	if (fd != -1)
		close(fd);
	return -1;
}

void
artifacts_show(struct http *h)
{
	const char *name = h->match.args[0], *file = h->match.args[1];
	int dirfd, fd = -1;
	struct stat st;
	size_t i = 0;

	while (i < NETBOOT_FILES && strcmp(netboot_names[i], file) != 0)
		i++;
	if (i < NETBOOT_FILES && name_valid(name) &&
	    (dirfd = artifacts_open(h)) != -1) {
		fd = open_one(dirfd, name, netboot_names[i], &st);
		close(dirfd);
	}
	if (fd == -1) {
		http_error(h, 404, "there is no such artifact");
		return;
	}
	answer_begin(&h->answer, 200, strchr(file, '.') != NULL ? ANSWER_JSON :
	    "application/octet-stream");
	h->answer.fd = fd;
	h->answer.size = (unsigned long long)st.st_size;
}
