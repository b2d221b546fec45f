/* netboot: a new directory beside the old one, exchanged with it. */
#include <sys/stat.h>

#include <bsd/string.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "spool/netbootpriv.h"

#define MODE_FILE 0644

/* --- what is there -------------------------------------------------------- */

static bool
is_ours(const char *file)
{
	for (size_t i = 0; i < NETBOOT_FILES; i++)
		if (strcmp(file, netboot_names[i]) == 0)
			return true;
	return strcmp(file, ".") == 0 || strcmp(file, "..") == 0 ||
	    strcmp(file, NETBOOT_MARK) == 0;
}

/* 0: there is nothing but ours; takes fd. */
static int
check_ours(int fd, const char *name, struct diag *d)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *e;
	int rc = 0;

	if (dir == NULL) {
		close(fd);
		return diag_errno(d, "cannot list " DATA_ARTIFACTS "/%s", name);
	}
	if (faccessat(fd, NETBOOT_MARK, F_OK, AT_SYMLINK_NOFOLLOW) == -1)
		rc = diag_set(d, DATA_ARTIFACTS "/%s was not made by nbdmux; "
		    "move it away to have it made", name);
	while (rc == 0 && (e = readdir(dir)) != NULL)
		if (!is_ours(e->d_name))
			rc = diag_set(d, DATA_ARTIFACTS "/%s has files that "
			    "nbdmux did not make (%.100s); move them away",
			    name, e->d_name);
	closedir(dir);
	return rc;
}

static int
check_old(const struct netboot *n, struct diag *d)
{
	int fd = netboot_dir(n->artifactsfd, n->name);

	if (fd == -1)
		return errno == ENOENT ? 0 : diag_errno(d,
		    "cannot open " DATA_ARTIFACTS "/%s", n->name);
	return check_ours(fd, n->name, d);
}

static int
make_new(struct netboot *n, struct diag *d)
{
	if (check_old(n, d) == -1 ||
	    netboot_remove_dir(n->artifactsfd, n->temporary, d) == -1)
		return -1;
	if (netboot_make_dir(n->artifactsfd, n->temporary) == 0)
		n->dirfd = netboot_dir(n->artifactsfd, n->temporary);
	return n->dirfd != -1 ? 0 : diag_errno(d,
	    "cannot make " DATA_ARTIFACTS "/%s", n->temporary);
}

/* --- replacing ------------------------------------------------------------ */

int
netboot_begin(struct netboot *n, const struct places *p, const char *name,
    struct diag *d)
{
	*n = (struct netboot) { .lockfd = -1, .dirfd = -1 };
	strlcpy(n->name, name, sizeof(n->name));
	netboot_temporary(n->temporary, name);
	n->artifactsfd = netboot_make(p, d);
	if (n->artifactsfd == -1)
		return -1;
	n->lockfd = netboot_lock(n->artifactsfd, name, d);
	if (n->lockfd != -1 && make_new(n, d) == 0)
		return 0;
	netboot_end(n);
	return -1;
}

static int
create(int dirfd, const char *file, struct diag *d)
{
	int fd = openat(dirfd, file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, MODE_FILE);

	if (fd == -1)
		diag_errno(d, "cannot make %s", file);
	return fd;
}

static int
complete(int fd, const char *file, struct diag *d)
{
	int rc = fchmod(fd, MODE_FILE) == 0 && fsync(fd) == 0 ? 0 :
	    diag_errno(d, "cannot write %s to the disk", file);

	close(fd);
	return rc;
}

int
netboot_create(struct netboot *n, enum netboot_file file, struct diag *d)
{
	return create(n->dirfd, netboot_names[file], d);
}

int
netboot_close(struct netboot *n, enum netboot_file file, int fd,
    struct diag *d)
{
	(void)n;
	return complete(fd, netboot_names[file], d);
}

static int
write_mark(const struct netboot *n, const char *mark, struct diag *d)
{
	int fd = create(n->dirfd, NETBOOT_MARK, d);

	if (fd == -1)
		return -1;
	if (file_write_all(fd, mark, strlen(mark)) == 0 &&
	    file_write_all(fd, "\n", 1) == 0)
		return complete(fd, NETBOOT_MARK, d);
	diag_errno(d, "cannot write %s", NETBOOT_MARK);
	close(fd);
	return -1;
}

/* Not every file system can exchange; on one that cannot there is a gap. */
static int
put_in_place(const struct netboot *n)
{
	int fd = n->artifactsfd;

	if (renameat2(fd, n->temporary, fd, n->name, RENAME_EXCHANGE) == 0 ||
	    (errno == ENOENT && renameat(fd, n->temporary, fd, n->name) == 0))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (netboot_remove_dir(fd, n->name, NULL) == -1)
		return -1;
	return renameat(fd, n->temporary, fd, n->name);
}

int
netboot_commit(struct netboot *n, const char *mark, struct diag *d)
{
	if (!netboot_whole(n->dirfd))
		return diag_set(d, "it has not all of vmlinuz, initrd and "
		    "manifest.json");
	if (write_mark(n, mark, d) == -1)
		return -1;
	if (fsync(n->dirfd) == -1 && errno != EINVAL)
		return diag_errno(d, "cannot write " DATA_ARTIFACTS "/%s to "
		    "the disk", n->temporary);
	if (put_in_place(n) == -1)
		return diag_errno(d, "cannot replace " DATA_ARTIFACTS "/%s",
		    n->name);
	if (fsync(n->artifactsfd) == -1 && errno != EINVAL)
		return diag_errno(d, "cannot write " DATA_ARTIFACTS " to the "
		    "disk");
	return 0;
}

/* What is under the temporary name now is half made, or the old one. */
void
netboot_end(struct netboot *n)
{
	if (n->artifactsfd == -1)
		return;
	if (n->dirfd != -1) {
		close(n->dirfd);
		netboot_remove_dir(n->artifactsfd, n->temporary, NULL);
	}
	if (n->lockfd != -1)
		netboot_unlock(n->artifactsfd, n->name, n->lockfd);
	close(n->artifactsfd);
	n->artifactsfd = n->lockfd = n->dirfd = -1;
}
