/* file: whole files, in a private directory. */
#include "base/file.h"

#include <sys/time.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

static char dir[] = "/tmp/nbdmux-file.XXXXXX";

static void
put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd != -1);
	CHECK(file_write_all(fd, text, strlen(text)) == 0);
	close(fd);
}

TEST(a_file_is_read_behind_what_the_buffer_holds)
{
	struct diag d = { "" };
	struct stat st, now;
	struct buf b;

	put("a.ini", "hello\n");
	buf_init(&b, 100);
	buf_add(&b, "> ", 2);
	CHECK(file_read(AT_FDCWD, "a.ini", true, &b, &st, &d) == 0);
	CHECK_STR(b.data, "> hello\n");
	CHECK(stat("a.ini", &now) == 0 && now.st_ino == st.st_ino &&
	    st.st_size == 6);
	buf_free(&b);
}

TEST(an_empty_file_is_an_empty_text)
{
	struct buf b;

	put("empty", "");
	buf_init(&b, 0);
	CHECK(file_read(AT_FDCWD, "empty", true, &b, NULL, NULL) == 0);
	CHECK(b.len == 0);
	buf_free(&b);
}

TEST(a_large_file_is_read_whole_and_one_over_the_cap_not_at_all)
{
	char *text = malloc(100001);
	struct diag d = { "" };
	struct buf b;
	int i;

	for (i = 0; i < 100000; i++)
		text[i] = (char)('a' + i % 26);
	text[i] = '\0';
	put("large", text);
	buf_init(&b, 100000);
	CHECK(file_read(AT_FDCWD, "large", true, &b, NULL, &d) == 0);
	CHECK(b.len == 100000 && strcmp(b.data, text) == 0);
	buf_free(&b);
	buf_init(&b, 99999);
	buf_add(&b, "x", 1);
	errno = 0;
	CHECK(file_read(AT_FDCWD, "large", true, &b, NULL, &d) == -1);
	CHECK(errno == EFBIG);
	CHECK_STR(d.text, "cannot read large: it is larger than 99999 bytes");
	CHECK_STR(b.data, "x");
	CHECK(b.len == 1);
	buf_free(&b);
	free(text);
}

static int
read_errno(const char *name, bool nofollow, struct diag *d)
{
	struct buf b;
	int result;

	buf_init(&b, 100);
	errno = 0;
	result = file_read(AT_FDCWD, name, nofollow, &b, NULL, d);
	CHECK(b.len == 0);
	buf_free(&b);
	return result == 0 ? 0 : errno;
}

TEST(what_is_no_regular_file_is_refused_without_waiting)
{
	struct diag d;

	CHECK(read_errno("missing", true, &d) == ENOENT);
	CHECK_STR(d.text, "cannot read missing: No such file or directory");
	CHECK(mkfifo("fifo", 0600) == 0);
	CHECK(read_errno("fifo", false, &d) == EINVAL);
	CHECK_STR(d.text, "cannot read fifo: it is not a regular file");
	CHECK(mkdir("folder", 0700) == 0);
	CHECK(read_errno("folder", false, &d) == EISDIR);
	CHECK(read_errno("/dev/null", false, &d) == EINVAL);
}

TEST(a_link_is_followed_only_when_allowed)
{
	struct diag d;
	struct buf b;

	put("target", "x");
	CHECK(symlink("target", "link") == 0);
	CHECK(read_errno("link", true, &d) == ELOOP);
	CHECK_STR(d.text, "cannot read link: it is a symbolic link; put the "
	    "file itself there");
	buf_init(&b, 10);
	CHECK(file_read(AT_FDCWD, "link", false, &b, NULL, &d) == 0);
	CHECK_STR(b.data, "x");
	buf_free(&b);
}

static int
read_shared(const char *name, struct diag *d)
{
	struct buf b;
	int result;

	buf_init(&b, 10);
	result = file_read_shared(AT_FDCWD, name, &b, NULL, d);
	if (result == 0)
		CHECK_STR(b.data, "x");
	else
		CHECK(b.len == 0);
	buf_free(&b);
	return result;
}

TEST(a_shared_directory_has_links_of_root_and_of_files_of_the_links_owner)
{
	struct diag d;

	put("secret", "x");
	CHECK(symlink("secret", "shared") == 0);
	CHECK(read_shared("secret", &d) == 0);
	CHECK(read_shared("shared", &d) == 0);
	CHECK(symlink("nothing", "nowhere") == 0);
	CHECK(read_shared("nowhere", &d) == -1 && errno == ENOENT);
	CHECK_STR(d.text, "nowhere: cannot read nothing: No such file or "
	    "directory");
	if (geteuid() != 0)
		return; /* nobody else's links can be made */
	CHECK(lchown("shared", 65534, 65534) == 0);
	CHECK(read_shared("shared", &d) == -1 && errno == EPERM);
	CHECK_STR(d.text, "cannot read shared: it is a link to a file of "
	    "somebody else; put the file itself there");
	CHECK(symlink("shared", "chain") == 0);
	CHECK(lchown("chain", 65534, 65534) == 0);
	CHECK(read_shared("chain", &d) == -1 && errno == EPERM);
	CHECK(chown("secret", 65534, 65534) == 0);
	CHECK(read_shared("shared", &d) == 0);
	CHECK(lchown("shared", 0, 0) == 0);
	CHECK(read_shared("shared", &d) == 0);
}

static struct stamp
stamp(const char *name)
{
	struct stat st;
	struct stamp s;

	CHECK(stat(name, &st) == 0);
	stamp_of(&s, &st);
	return s;
}

TEST(a_stamp_changes_with_every_kind_of_change)
{
	struct timespec times[2] = { { 5, 7 }, { 5, 7 } };
	struct stamp first, next;

	put("v", "one");
	first = stamp("v");
	next = stamp("v");
	CHECK(stamp_equal(&first, &next));
	CHECK(first.size == 3);
	usleep(20000);
	CHECK(chmod("v", 0600) == 0);
	next = stamp("v");
	CHECK(!stamp_equal(&first, &next));
	CHECK(utimensat(AT_FDCWD, "v", times, 0) == 0);
	CHECK(stamp("v").mtime == 5000000007u);
	put("w", "one");
	CHECK(rename("w", "v") == 0);
	CHECK(stamp("v").ino != first.ino);
}

TEST(writing_goes_on_after_signals_and_short_writes)
{
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	enum { SIZE = 4 << 20 };
	char *data = malloc(SIZE), piece[65536];
	size_t got = 0, i;
	int fds[2], status = -1;
	ssize_t n;
	pid_t pid;

	memset(data, 'z', SIZE);
	CHECK(pipe(fds) == 0);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		setitimer(ITIMER_REAL, &often, NULL);
		_exit(file_write_all(fds[1], data, SIZE) != 0);
	}
	close(fds[1]);
	while ((n = read(fds[0], piece, sizeof piece)) > 0) {
		for (i = 0; i < (size_t)n; i++)
			if (piece[i] != 'z')
				break;
		CHECK(i == (size_t)n);
		got += (size_t)n;
		usleep(5000); /* so that a write is hit before its first byte */
	}
	CHECK(got == SIZE);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	close(fds[0]);
	free(data);
	CHECK(file_write_all(-1, "x", 1) == -1 && errno == EBADF);
}

static bool
is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

TEST(closing_leaves_the_error_that_is_being_reported)
{
	int fd = open(".", O_RDONLY);

	errno = ENOSPC;
	file_close(fd);
	CHECK(errno == ENOSPC && fcntl(fd, F_GETFD) == -1);
	errno = ENOSPC;
	file_close(fd); /* which fails with EBADF */
	CHECK(errno == ENOSPC);
}

TEST(missing_directories_are_created_and_present_ones_kept)
{
	struct diag d = { "" };
	char absolute[128];

	CHECK(file_mkdirs("p/q//r/", 0755, &d) == 0 && is_dir("p/q/r"));
	CHECK(file_mkdirs("p/q/r/s", 0755, &d) == 0 && is_dir("p/q/r/s"));
	CHECK(file_mkdirs("p/q", 0755, &d) == 0);
	CHECK(file_mkdirs("/", 0755, &d) == 0);
	snprintf(absolute, sizeof absolute, "%s/abs/x", dir);
	CHECK(file_mkdirs(absolute, 0755, &d) == 0 && is_dir("abs/x"));
	CHECK_STR(d.text, "");
}

TEST(a_directory_that_cannot_be_created_is_named)
{
	struct diag d = { "" };

	put("plain", "x");
	CHECK(file_mkdirs("plain/sub", 0755, &d) == -1 && errno == ENOTDIR);
	CHECK_STR(d.text,
	    "cannot create the directory plain: Not a directory");
	CHECK(file_mkdirs("", 0755, &d) == -1);
	CHECK(file_mkdirs("/proc/nbdmux/x", 0755, &d) == -1);
	CHECK(strstr(d.text, "/proc/nbdmux: ") != NULL);
}

static void
on_alarm(int sig)
{
	(void)sig;
}

int
main(void)
{
	struct sigaction sa = { .sa_handler = on_alarm }; /* no SA_RESTART */
	char remove[64];

	sigaction(SIGALRM, &sa, NULL);
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return 1;
	RUN(a_file_is_read_behind_what_the_buffer_holds);
	RUN(an_empty_file_is_an_empty_text);
	RUN(a_large_file_is_read_whole_and_one_over_the_cap_not_at_all);
	RUN(what_is_no_regular_file_is_refused_without_waiting);
	RUN(a_link_is_followed_only_when_allowed);
	RUN(a_shared_directory_has_links_of_root_and_of_files_of_the_links_owner);
	RUN(a_stamp_changes_with_every_kind_of_change);
	RUN(writing_goes_on_after_signals_and_short_writes);
	RUN(closing_leaves_the_error_that_is_being_reported);
	RUN(missing_directories_are_created_and_present_ones_kept);
	RUN(a_directory_that_cannot_be_created_is_named);
	snprintf(remove, sizeof remove, "rm -rf %s", dir);
	if (chdir("/") == -1 || system(remove) != 0)
		return 1;
	return DONE();
}
