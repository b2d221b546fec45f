/* netboot: a new directory beside the old one, exchanged with it. */
#include <sys/file.h>
#include <sys/stat.h>

#include <bsd/string.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "spool/netboot.h"

#define MARK ".nbdmux"
#define MARK_MAX 8192
#define MODE_DIR 02775 /* the group's, as the data directory is */
#define MODE_FILE 0644

const char *const netboot_names[NETBOOT_FILES] = { "vmlinuz", "initrd",
	"manifest.json" };

static int
open_dir(int dirfd, const char *name)
{
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
}

/* --- looking -------------------------------------------------------------- */

static bool
has_all(int dirfd)
{
	struct stat st;

	for (size_t i = 0; i < NETBOOT_FILES; i++)
		if (fstatat(dirfd, netboot_names[i], &st,
		    AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode) ||
		    faccessat(dirfd, netboot_names[i], R_OK, 0) == -1)
			return false;
	return true;
}

bool
netboot_ready(int artifactsfd, const char *name)
{
	int fd = artifactsfd != -1 ? open_dir(artifactsfd, name) : -1;
	bool ready = fd != -1 && has_all(fd);

	if (fd != -1)
		close(fd);
	return ready;
}

/* The mark's text in b: whether there is one. */
static bool
read_mark(int dirfd, struct buf *b)
{
	buf_init(b, MARK_MAX);
	if (file_read(dirfd, MARK, true, b, NULL, NULL) == -1)
		return false;
	while (b->len > 0 && b->data[b->len - 1] == '\n')
		b->data[--b->len] = '\0';
	return true;
}

static bool
is_of_bundle(const struct buf *mark)
{
	return mark->len > strlen(NETBOOT_BUNDLE) && strncmp(mark->data,
	    NETBOOT_BUNDLE, strlen(NETBOOT_BUNDLE)) == 0;
}

bool
netboot_ref(int artifactsfd, const char *name, char *ref, size_t size)
{
	int fd = artifactsfd != -1 ? open_dir(artifactsfd, name) : -1;
	struct buf mark;
	bool found;

	if (fd == -1)
		return false;
	found = read_mark(fd, &mark) && is_of_bundle(&mark);
	if (found)
		strlcpy(ref, mark.data + strlen(NETBOOT_BUNDLE), size);
	buf_free(&mark);
	close(fd);
	return found;
}

/* --- removing ------------------------------------------------------------- */

static int
empty(int dirfd)
{
	int rc = 0;

	for (size_t i = 0; i < NETBOOT_FILES; i++)
		if (unlinkat(dirfd, netboot_names[i], 0) == -1 &&
		    errno != ENOENT)
			rc = -1;
	/* Last, so that what is left stays known as ours. */
	if (rc == 0 && unlinkat(dirfd, MARK, 0) == -1 && errno != ENOENT)
		rc = -1;
	return rc;
}

static int
remove_dir(int artifactsfd, const char *name, struct diag *d)
{
	int fd = open_dir(artifactsfd, name), rc;

	if (fd == -1)
		return errno == ENOENT ? 0 : diag_errno(d,
		    "cannot remove " DATA_ARTIFACTS "/%s", name);
	rc = empty(fd);
	file_close(fd);
	if (rc == 0 && unlinkat(artifactsfd, name, AT_REMOVEDIR) == 0)
		return 0;
	return diag_errno(d, "cannot remove " DATA_ARTIFACTS "/%s", name);
}

/* --- the place ------------------------------------------------------------ */

static void
temporary_name(char name[NAME_SIZE + 8], const char *export)
{
	snprintf(name, NAME_SIZE + 8, ".%s.new", export);
}

static int
make_dir(int dirfd, const char *path)
{
	if (mkdirat(dirfd, path, 0775) == 0)
		return fchmodat(dirfd, path, MODE_DIR, 0);
	return errno == EEXIST ? 0 : -1;
}

/* Locked; -1 with errno: ENOENT when there is none and none is to be made. */
static int
open_artifacts(const struct places *p, bool create, struct diag *d)
{
	char path[PATH_MAX + sizeof("/" DATA_ARTIFACTS)];
	int fd;

	snprintf(path, sizeof(path), "%s/" DATA_ARTIFACTS, p->data);
	if (create && (file_mkdirs(p->data, 0775, d) == -1))
		return -1;
	if (create && make_dir(AT_FDCWD, path) == -1)
		return diag_errno(d, "cannot make %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return diag_errno(d, "cannot open %s", path);
	while (flock(fd, LOCK_EX) == -1)
		if (errno != EINTR) {
			diag_errno(d, "cannot lock %s", path);
			file_close(fd);
			return -1;
		}
	return fd;
}

static bool
is_ours(const char *file)
{
	for (size_t i = 0; i < NETBOOT_FILES; i++)
		if (strcmp(file, netboot_names[i]) == 0)
			return true;
	return strcmp(file, ".") == 0 || strcmp(file, "..") == 0 ||
	    strcmp(file, MARK) == 0;
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
	if (faccessat(fd, MARK, F_OK, AT_SYMLINK_NOFOLLOW) == -1)
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
	int fd = open_dir(n->artifactsfd, n->name);

	if (fd == -1)
		return errno == ENOENT ? 0 : diag_errno(d,
		    "cannot open " DATA_ARTIFACTS "/%s", n->name);
	return check_ours(fd, n->name, d);
}

static int
make_new(struct netboot *n, struct diag *d)
{
	if (check_old(n, d) == -1 ||
	    remove_dir(n->artifactsfd, n->temporary, d) == -1)
		return -1;
	if (make_dir(n->artifactsfd, n->temporary) == 0)
		n->dirfd = open_dir(n->artifactsfd, n->temporary);
	return n->dirfd != -1 ? 0 : diag_errno(d,
	    "cannot make " DATA_ARTIFACTS "/%s", n->temporary);
}

/* --- replacing ------------------------------------------------------------ */

int
netboot_begin(struct netboot *n, const struct places *p, const char *name,
    struct diag *d)
{
	*n = (struct netboot) { .dirfd = -1 };
	strlcpy(n->name, name, sizeof(n->name));
	temporary_name(n->temporary, name);
	n->artifactsfd = open_artifacts(p, true, d);
	if (n->artifactsfd == -1)
		return -1;
	if (make_new(n, d) == 0)
		return 0;
	netboot_end(n);
	return -1;
}

static int
create(int dirfd, const char *file, struct diag *d)
{
	int fd = openat(dirfd, file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, MODE_FILE);

	return fd != -1 ? fd : diag_errno(d, "cannot make %s", file);
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
	int fd = create(n->dirfd, MARK, d);

	if (fd == -1)
		return -1;
	if (file_write_all(fd, mark, strlen(mark)) == 0 &&
	    file_write_all(fd, "\n", 1) == 0)
		return complete(fd, MARK, d);
	diag_errno(d, "cannot write %s", MARK);
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
	if (remove_dir(fd, n->name, NULL) == -1)
		return -1;
	return renameat(fd, n->temporary, fd, n->name);
}

int
netboot_commit(struct netboot *n, const char *mark, struct diag *d)
{
	if (!has_all(n->dirfd))
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
		remove_dir(n->artifactsfd, n->temporary, NULL);
	}
	close(n->artifactsfd);
	n->artifactsfd = n->dirfd = -1;
}

static int
remove_ours(int artifactsfd, const char *name, bool keys_only, struct diag *d)
{
	int fd = open_dir(artifactsfd, name);
	struct buf mark;
	bool wanted;

	if (fd == -1)
		return 0;
	wanted = read_mark(fd, &mark) && !(keys_only && is_of_bundle(&mark));
	buf_free(&mark);
	close(fd);
	if (!wanted)
		return 0;
	return remove_dir(artifactsfd, name, d) == 0 ? 1 : -1;
}

int
netboot_remove(const struct places *p, const char *name, bool keys_only,
    struct diag *d)
{
	char temporary[NAME_SIZE + 8];
	int fd = open_artifacts(p, false, d), rc;

	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	temporary_name(temporary, name);
	rc = remove_dir(fd, temporary, d);
	if (rc == 0)
		rc = remove_ours(fd, name, keys_only, d);
	close(fd);
	return rc;
}
