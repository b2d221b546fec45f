/* A file appears whole or not at all, whatever goes wrong. */
#undef _FORTIFY_SOURCE /* its openat() could not be replaced below */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>

#include "spool/publish.h"
#include "spool_dir.h"
#include "unit.h"

static struct dir dir;
static char text[8192];

/* The call from which on they fail: the nth, 0 and 1 are the first; -1: none. */
static int fsyncs = -1, linkats = -1, tmpfiles = -1;

static int
fails(int *left)
{
	if (*left == -1)
		return 0;
	if (*left > 0)
		(*left)--;
	return *left == 0;
}

int
fsync(int fd)
{
	if (fails(&fsyncs)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

int
linkat(int olddir, const char *old, int newdir, const char *new, int flags)
{
	if (fails(&linkats)) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_linkat, olddir, old, newdir, new, flags);
}

int
openat(int fd, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	if ((flags & O_TMPFILE) == O_TMPFILE && fails(&tmpfiles)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	va_start(ap, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return (int)syscall(SYS_openat, fd, path, flags, mode);
}

static int
publish(const char *name, const char *content, mode_t mode, struct diag *d)
{
	return publish_file(dir.fd, name, content, strlen(content), mode, 0,
	    d);
}

TEST(a_file_is_written_and_replaced)
{
	struct diag d;

	dir_make(&dir);
	CHECK(publish("a", "one", 0644, &d) == 0);
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "one");
	CHECK(publish("a", "two and more", 0644, &d) == 0);
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "two and more");
	CHECK(publish_file(dir.fd, "a", "", 0, 0644, PUBLISH_VOLATILE, &d) ==
	    0);
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "");
	CHECK(dir_count(&dir, 0) == 1);
	dir_remove(&dir);
}

TEST(the_mode_is_exact_whatever_the_umask_is)
{
	static const mode_t modes[] = { 0644, 0600, 0664, 0400 };
	struct stat st;
	mode_t old = umask(077);

	dir_make(&dir);
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		CHECK(publish("a", "x", modes[i], NULL) == 0);
		CHECK(fstatat(dir.fd, "a", &st, 0) == 0);
		CHECK((st.st_mode & 07777) == modes[i]);
	}
	umask(old);
	dir_remove(&dir);
}

TEST(a_reader_has_the_old_file_to_its_end)
{
	char buf[16] = "";
	int fd;

	dir_make(&dir);
	CHECK(publish("a", "old", 0644, NULL) == 0);
	fd = openat(dir.fd, "a", O_RDONLY);
	CHECK(publish("a", "new", 0644, NULL) == 0);
	CHECK(read(fd, buf, sizeof(buf)) == 3);
	CHECK_STR(buf, "old");
	close(fd);
	dir_remove(&dir);
}

TEST(a_link_with_the_name_is_replaced_not_followed)
{
	dir_make(&dir);
	dir_put(&dir, "target", "untouched");
	CHECK(symlinkat("target", dir.fd, "a") == 0);
	CHECK(publish("a", "new", 0644, NULL) == 0);
	CHECK_STR(dir_get(&dir, "target", text, sizeof(text)), "untouched");
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "new");
	dir_remove(&dir);
}

/* A child writes with a limit on the size of files: a failure in write(2). */
static int
publish_limited(rlim_t limit)
{
	static char big[20000];
	struct rlimit r = { limit, limit };
	struct diag d;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &r);
		d.text[0] = '\0';
		if (publish_file(dir.fd, "a", big, sizeof(big), 0644, 0, &d) ==
		    0)
			_exit(0);
		_exit(errno == EFBIG && strcmp(d.text, "cannot write a: "
		    "File too large") == 0 ? 1 : 2);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(a_failed_write_leaves_the_old_file_and_no_litter)
{
	dir_make(&dir);
	dir_put(&dir, "a", "old");
	CHECK(publish_limited(4096) == 1);
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "old");
	CHECK(dir_count(&dir, 0) == 1);
	CHECK(publish_limited(RLIM_INFINITY) == 0);
	dir_remove(&dir);
}

TEST(a_full_disk_leaves_the_old_file_and_no_litter)
{
	static char big[200000];
	char mounted[PATH_MAX];
	struct diag d;
	int up;

	dir_make(&dir);
	snprintf(mounted, sizeof(mounted), "%s", dir.path);
	up = mount("tmpfs", mounted, "tmpfs", 0, "size=64k");
	if (up == -1) {
		printf("# skipped: no right to mount a tmpfs (%s)\n",
		    strerror(errno));
		dir_remove(&dir);
		return;
	}
	close(dir.fd);
	dir.fd = open(mounted, O_RDONLY | O_DIRECTORY);
	dir_put(&dir, "a", "old");
	CHECK(publish_file(dir.fd, "a", big, sizeof(big), 0644, 0, &d) == -1);
	CHECK(errno == ENOSPC);
	CHECK_STR(d.text, "cannot write a: No space left on device");
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "old");
	CHECK(dir_count(&dir, 0) == 1);
	/* And there is room again. */
	CHECK(publish("a", "new", 0644, &d) == 0);
	close(dir.fd);
	CHECK(umount(mounted) == 0);
	dir.fd = open(mounted, O_RDONLY | O_DIRECTORY);
	dir_remove(&dir);
}

TEST(an_fsync_that_fails_leaves_the_old_file_and_no_litter)
{
	struct diag d;

	dir_make(&dir);
	dir_put(&dir, "a", "old");
	fsyncs = 0;
	CHECK(publish("a", "new", 0644, &d) == -1);
	CHECK(errno == EIO);
	CHECK_STR(d.text, "cannot write a: Input/output error");
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "old");
	CHECK(dir_count(&dir, 0) == 1);
	/* State is not synced. */
	CHECK(publish_file(dir.fd, "a", "new", 3, 0644, PUBLISH_VOLATILE,
	    &d) == 0);
	/* The directory's: the file is there, and that is said. */
	fsyncs = 2;
	CHECK(publish("a", "newer", 0644, &d) == -1);
	CHECK_STR(d.text, "a is written, but may not outlive a crash: cannot "
	    "sync its directory: Input/output error");
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "newer");
	fsyncs = -1;
	CHECK(dir_count(&dir, 0) == 1);
	dir_remove(&dir);
}

static void
publish_as_ever(void)
{
	struct diag d;

	dir_make(&dir);
	CHECK(publish("a", "one", 0600, &d) == 0);
	CHECK(publish("a", "two", 0644, &d) == 0);
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "two");
	fsyncs = 0;
	CHECK(publish("a", "three", 0644, &d) == -1);
	fsyncs = -1;
	CHECK(publish_limited(4096) == 1);
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "two");
	CHECK(dir_count(&dir, 0) == 1);
	dir_remove(&dir);
}

TEST(file_systems_without_nameless_files_do_as_well)
{
	tmpfiles = 0;
	publish_as_ever();
	tmpfiles = -1;
	linkats = 0;
	publish_as_ever();
	linkats = -1;
}

TEST(a_name_that_cannot_be_replaced_leaves_no_litter)
{
	struct diag d;

	dir_make(&dir);
	CHECK(mkdirat(dir.fd, "a", 0755) == 0);
	CHECK(publish("a", "x", 0644, &d) == -1);
	CHECK(errno == EISDIR);
	CHECK(strncmp(d.text, "cannot write a: ", 16) == 0);
	CHECK(dir_count(&dir, 0) == 1);
	dir_remove(&dir);
}

TEST(a_directory_that_is_gone_is_an_error)
{
	struct diag d;

	dir_make(&dir);
	CHECK(rmdir(dir.path) == 0);
	CHECK(publish("a", "x", 0644, &d) == -1);
	/* Which error it is depends on the file system. */
	CHECK(strncmp(d.text, "cannot write a: ", 16) == 0);
	close(dir.fd);
}

/* As an ordinary user, since root may write everywhere. */
TEST(a_directory_without_write_permission_is_an_error)
{
	struct diag d;
	int status = -1;
	pid_t pid;

	dir_make(&dir);
	dir_put(&dir, "a", "old");
	CHECK(fchmod(dir.fd, 0555) == 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) == -1)
			_exit(9);
		_exit(publish("a", "x", 0644, &d) == -1 && errno == EACCES &&
		    publish_remove(dir.fd, "a", &d) == -1 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	CHECK(status == 0);
	CHECK(fchmod(dir.fd, 0755) == 0);
	CHECK_STR(dir_get(&dir, "a", text, sizeof(text)), "old");
	CHECK(dir_count(&dir, 0) == 1);
	dir_remove(&dir);
}

/* A tool that is killed at any instant: old or new, and nothing that counts. */
TEST(a_writer_killed_at_any_instant_leaves_old_or_new)
{
	static char one[60000], two[60000], got[70000];
	int killed = 0, fd;
	ssize_t n;
	pid_t pid;

	memset(one, '1', sizeof(one));
	memset(two, '2', sizeof(two));
	dir_make(&dir);
	CHECK(publish_file(dir.fd, "a", one, sizeof(one), 0644, 0, NULL) == 0);
	for (int i = 0; i < 150; i++) {
		pid = fork();
		if (pid == 0)
			for (;;) {
				publish_file(dir.fd, "a", two, sizeof(two),
				    0644, i % 2, NULL);
				publish_file(dir.fd, "a", one, sizeof(one),
				    0644, i % 2, NULL);
			}
		usleep((unsigned)(i * 37 % 3000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		killed++;
		fd = openat(dir.fd, "a", O_RDONLY);
		n = read(fd, got, sizeof(got));
		close(fd);
		CHECK(n == sizeof(one));
		CHECK(memcmp(got, one, sizeof(one)) == 0 ||
		    memcmp(got, two, sizeof(two)) == 0);
	}
	CHECK(killed == 150);
	/* What they left is litter, and only that goes. */
	n = dir_count(&dir, 0) - 1;
	CHECK(publish_sweep(dir.fd, 3600) == 0);
	usleep(1100000);
	CHECK(publish_sweep(dir.fd, 0) == n);
	CHECK(dir_count(&dir, 0) == 1);
	dir_remove(&dir);
}

TEST(a_sweep_takes_old_temporary_files_only)
{
	struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };

	dir_make(&dir);
	dir_put(&dir, ".nbdmux-0123", "old");
	dir_put(&dir, ".nbdmux-4567", "new");
	dir_put(&dir, "nbdmux-0123", "a user's");
	dir_put(&dir, ".other", "a user's");
	dir_put(&dir, "a.ini", "an export");
	for (int i = 0; i < 4; i++)
		CHECK(utimensat(dir.fd, (const char *[]) { ".nbdmux-0123",
		    "nbdmux-0123", ".other", "a.ini" }[i], old, 0) == 0);
	CHECK(publish_sweep(dir.fd, 60) == 1);
	CHECK(dir_inode(&dir, ".nbdmux-0123") == 0);
	CHECK(dir_count(&dir, 0) == 4);
	dir_remove(&dir);
}

TEST(removing_says_whether_there_was_anything)
{
	struct diag d;

	dir_make(&dir);
	dir_put(&dir, "a", "x");
	CHECK(mkdirat(dir.fd, "d", 0755) == 0);
	CHECK(publish_remove(dir.fd, "a", &d) == 1);
	CHECK(publish_remove(dir.fd, "a", &d) == 0);
	CHECK(publish_remove(dir.fd, "d", &d) == -1);
	CHECK(strncmp(d.text, "cannot remove d: ", 17) == 0);
	dir_remove(&dir);
}

int
main(void)
{
	RUN(a_file_is_written_and_replaced);
	RUN(the_mode_is_exact_whatever_the_umask_is);
	RUN(a_reader_has_the_old_file_to_its_end);
	RUN(a_link_with_the_name_is_replaced_not_followed);
	RUN(a_failed_write_leaves_the_old_file_and_no_litter);
	RUN(a_full_disk_leaves_the_old_file_and_no_litter);
	RUN(an_fsync_that_fails_leaves_the_old_file_and_no_litter);
	RUN(file_systems_without_nameless_files_do_as_well);
	RUN(a_name_that_cannot_be_replaced_leaves_no_litter);
	RUN(a_directory_that_is_gone_is_an_error);
	RUN(a_directory_without_write_permission_is_an_error);
	RUN(a_writer_killed_at_any_instant_leaves_old_or_new);
	RUN(a_sweep_takes_old_temporary_files_only);
	RUN(removing_says_whether_there_was_anything);
	return DONE();
}
