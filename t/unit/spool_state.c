/* State files, and the lock that says whether a daemon lives. */
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>

#include "spool/places.h"
#include "spool/record.h"
#include "spool/state.h"
#include "spool_dir.h"
#include "unit.h"

static struct dir dir;
static char text[8192];

TEST(an_exports_state_reads_back_as_it_was_written)
{
	struct state_export s = { .status = STATUS_FAILED,
		.error = (char *)"x.ini:2: no", .builtin = true,
		.image = (char *)"/a", .description = (char *)"Größe ; x",
		.mode = MODE_RW, .size = UINT64_MAX, .generation = 7,
		.spool_ino = 12, .spool_mtime = 1234567890123456789,
		.since = 99 }, r;
	struct stat st;
	struct diag d;

	dir_make(&dir);
	CHECK(state_write_export(dir.fd, "x", &s, &d) == 1);
	CHECK(state_read_export(dir.fd, "x", &r, &d) == 1);
	CHECK(r.format == STATE_FORMAT && r.status == STATUS_FAILED);
	CHECK_STR(r.error, "x.ini:2: no");
	CHECK(r.builtin && r.mode == MODE_RW && r.size == UINT64_MAX);
	CHECK_STR(r.image, "/a");
	CHECK_STR(r.description, "Größe ; x");
	CHECK(r.generation == 7 && r.spool_ino == 12 && r.since == 99);
	CHECK(r.spool_mtime == 1234567890123456789);
	state_export_clear(&r);
	state_export_clear(&r);
	CHECK(fstatat(dir.fd, "x.ini", &st, 0) == 0);
	CHECK((st.st_mode & 07777) == 0644);
	CHECK(dir_count(&dir, 0) == 1);
	dir_remove(&dir);
}

TEST(the_daemons_state_reads_back_as_it_was_written)
{
	struct state_daemon s = { .pid = 42, .started = 5,
		.version = (char *)"0.1.0", .spool = (char *)"/s",
		.listen = (char *)"0.0.0.0:1, [::]:1, unix:/s" }, r;
	struct diag d;

	dir_make(&dir);
	CHECK(state_read_daemon(dir.fd, &r, &d) == 0);
	state_daemon_clear(&r);
	CHECK(state_write_daemon(dir.fd, &s, &d) == 1);
	CHECK(state_write_daemon(dir.fd, &s, &d) == 0);
	CHECK(state_read_daemon(dir.fd, &r, &d) == 1);
	CHECK(r.pid == 42 && r.started == 5 && r.error == NULL);
	CHECK_STR(r.version, "0.1.0");
	CHECK_STR(r.listen, "0.0.0.0:1, [::]:1, unix:/s");
	state_daemon_clear(&r);
	dir_remove(&dir);
}

TEST(a_state_that_did_not_change_is_not_written)
{
	struct state_export s = { .image = (char *)"/a", .size = 1 };
	unsigned long long ino;

	dir_make(&dir);
	CHECK(state_write_export(dir.fd, "x", &s, NULL) == 1);
	ino = dir_inode(&dir, "x.ini");
	CHECK(state_write_export(dir.fd, "x", &s, NULL) == 0);
	CHECK(dir_inode(&dir, "x.ini") == ino);
	s.size = 2;
	CHECK(state_write_export(dir.fd, "x", &s, NULL) == 1);
	CHECK(dir_inode(&dir, "x.ini") != ino);
	/* Somebody else's hands are corrected. */
	dir_put(&dir, "x.ini", "rubbish");
	CHECK(state_write_export(dir.fd, "x", &s, NULL) == 1);
	CHECK(state_write_export(dir.fd, "x", &s, NULL) == 0);
	dir_remove(&dir);
}

TEST(a_reason_with_strange_bytes_is_written_all_the_same)
{
	static const struct {
		const char *error, *read;
	} t[] = {
		{ "a\nb", "a\\nb" },
		{ " x ", "x" },
		{ "\x1b[2J\x7f", "\\x1b[2J\\x7f" },
		{ "tab\there", "tab\\there" },
		{ "\"quoted\" \\ ; #", "\"quoted\" \\ ; #" },
	};
	struct state_export s = { 0 }, r;
	struct diag d;

	dir_make(&dir);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		s.error = (char *)t[i].error;
		CHECK(state_write_export(dir.fd, "x", &s, &d) == 1);
		CHECK(state_read_export(dir.fd, "x", &r, &d) == 1);
		CHECK_STR(r.error, t[i].read);
		state_export_clear(&r);
	}
	dir_remove(&dir);
}

TEST(there_is_none_is_not_an_error_and_rubbish_is)
{
	struct state_export r;
	struct diag d;

	dir_make(&dir);
	CHECK(state_read_export(dir.fd, "x", &r, &d) == 0);
	state_export_clear(&r);
	dir_put(&dir, "x.ini", "[state]\nstatus = ready\n");
	CHECK(state_read_export(dir.fd, "x", &r, &d) == -1);
	CHECK(strncmp(d.text, "x.ini: \"format\" is missing", 26) == 0);
	state_export_clear(&r);
	dir_put(&dir, "x.ini", "");
	CHECK(state_read_export(dir.fd, "x", &r, &d) == -1);
	state_export_clear(&r);
	dir_put(&dir, "x.ini", "[state]\nformat = 1\nstatus = dancing\n");
	CHECK(state_read_export(dir.fd, "x", &r, &d) == -1);
	CHECK(strncmp(d.text, "x.ini:3: ", 9) == 0);
	state_export_clear(&r);
	dir_remove(&dir);
}

TEST(a_later_format_says_so_before_its_keys_are_unknown)
{
	struct state_export r;
	struct diag d;

	dir_make(&dir);
	dir_put(&dir, "x.ini", "[state]\nformat = 2\nnovelty = 1\n");
	CHECK(state_read_export(dir.fd, "x", &r, &d) == -1);
	CHECK(strstr(d.text, "the state has format 2 and this program reads "
	    "format 1") != NULL);
	state_export_clear(&r);
	dir_remove(&dir);
}

TEST(a_directory_that_is_gone_makes_writing_fail)
{
	struct state_export s = { 0 };
	struct diag d;

	dir_make(&dir);
	CHECK(rmdir(dir.path) == 0);
	CHECK(state_write_export(dir.fd, "x", &s, &d) == -1);
	CHECK(strncmp(d.text, "cannot write x.ini: ", 20) == 0);
	close(dir.fd);
}

TEST(the_states_are_listed_sorted)
{
	char(*names)[NAME_SIZE];
	struct diag d;
	size_t n;

	dir_make(&dir);
	CHECK(state_list(dir.fd, &names, &n, &d) == 0);
	CHECK(n == 0);
	free(names);
	dir_put(&dir, "b.ini", "");
	dir_put(&dir, "a.ini", "");
	dir_put(&dir, ".nbdmux-1", "");
	CHECK(state_list(dir.fd, &names, &n, &d) == 0);
	CHECK(n == 2);
	CHECK_STR(names[0], "a");
	CHECK_STR(names[1], "b");
	free(names);
	dir_remove(&dir);
}

TEST(every_key_has_help)
{
	for (const struct key *k = state_export_keys; k->name != NULL; k++)
		CHECK(k->help != NULL && k->help[0] != '\0');
	for (const struct key *k = state_daemon_keys; k->name != NULL; k++)
		CHECK(k->help != NULL && k->help[0] != '\0');
}

/* --- the lock -------------------------------------------------------------- */

TEST(a_second_daemon_is_refused_with_the_firsts_pid)
{
	struct diag d;
	int fd;

	dir_make(&dir);
	CHECK(state_alive(dir.fd) == 0);
	fd = state_lock(dir.fd, &d);
	CHECK(fd != -1);
	CHECK(state_alive(dir.fd) == 0);
	CHECK(state_lock(dir.fd, &d) == -1);
	CHECK(strstr(d.text, "another nbdmuxd is starting") != NULL);
	CHECK(state_lock_pid(fd, 123456) == 0);
	CHECK_STR(dir_get(&dir, STATE_PID, text, sizeof(text)), "123456\n");
	CHECK(state_alive(dir.fd) == 123456);
	CHECK(state_lock(dir.fd, &d) == -1);
	CHECK(errno == EAGAIN);
	CHECK(strstr(d.text, "already running with this state directory as "
	    "pid 123456") != NULL);
	CHECK(state_lock_pid(fd, 7) == 0);
	CHECK_STR(dir_get(&dir, STATE_PID, text, sizeof(text)), "7\n");
	close(fd);
	CHECK(state_alive(dir.fd) == 0);
	dir_remove(&dir);
}

TEST(the_last_daemons_pid_is_not_taken_for_the_next_ones)
{
	struct diag d;
	int fd;

	dir_make(&dir);
	dir_put(&dir, STATE_PID, "4711\n");
	CHECK(state_alive(dir.fd) == 0);
	fd = state_lock(dir.fd, &d);
	CHECK(fd != -1);
	CHECK(state_alive(dir.fd) == 0);
	close(fd);
	dir_remove(&dir);
}

/* The daemon forks, its parent ends: the lock is the child's. */
TEST(the_lock_goes_through_fork_and_ends_with_the_process)
{
	int fd, up[2], down[2], status;
	struct diag d;
	char c;
	pid_t pid;

	dir_make(&dir);
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	fd = state_lock(dir.fd, &d);
	pid = fork();
	if (pid == 0) {
		close(down[1]);
		state_lock_pid(fd, getpid());
		if (write(up[1], "x", 1) == 1 && read(down[0], &c, 1) == 0)
			_exit(0);
		_exit(1);
	}
	close(fd);
	close(down[0]);
	CHECK(read(up[0], &c, 1) == 1);
	CHECK(state_alive(dir.fd) == pid);
	CHECK(state_lock(dir.fd, &d) == -1);
	close(down[1]);
	waitpid(pid, &status, 0);
	CHECK(status == 0);
	CHECK(state_alive(dir.fd) == 0);
	fd = state_lock(dir.fd, &d);
	CHECK(fd != -1);
	close(fd);
	close(up[0]);
	close(up[1]);
	dir_remove(&dir);
}

/* Asking must not make a daemon that starts at that moment fail. */
TEST(asking_does_not_get_in_the_way_of_a_starting_daemon)
{
	int fd, failed = 0, status;
	struct diag d;
	pid_t pid;

	dir_make(&dir);
	dir_put(&dir, STATE_PID, "1\n");
	pid = fork();
	if (pid == 0)
		for (;;)
			state_alive(dir.fd);
	for (int i = 0; i < 5000; i++) {
		fd = state_lock(dir.fd, &d);
		failed += fd == -1;
		close(fd);
	}
	CHECK(failed == 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	dir_remove(&dir);
}

TEST(a_pid_file_that_is_no_file_of_ours_is_an_error)
{
	struct diag d;

	dir_make(&dir);
	CHECK(symlinkat("elsewhere", dir.fd, STATE_PID) == 0);
	CHECK(state_alive(dir.fd) == 0);
	CHECK(state_lock(dir.fd, &d) == -1);
	CHECK(strncmp(d.text, "cannot open nbdmuxd.pid: ", 25) == 0);
	CHECK(dir_inode(&dir, "elsewhere") == 0);
	dir_remove(&dir);
}

int
main(void)
{
	RUN(an_exports_state_reads_back_as_it_was_written);
	RUN(the_daemons_state_reads_back_as_it_was_written);
	RUN(a_state_that_did_not_change_is_not_written);
	RUN(a_reason_with_strange_bytes_is_written_all_the_same);
	RUN(there_is_none_is_not_an_error_and_rubbish_is);
	RUN(a_later_format_says_so_before_its_keys_are_unknown);
	RUN(a_directory_that_is_gone_makes_writing_fail);
	RUN(the_states_are_listed_sorted);
	RUN(every_key_has_help);
	RUN(a_second_daemon_is_refused_with_the_firsts_pid);
	RUN(the_last_daemons_pid_is_not_taken_for_the_next_ones);
	RUN(the_lock_goes_through_fork_and_ends_with_the_process);
	RUN(asking_does_not_get_in_the_way_of_a_starting_daemon);
	RUN(a_pid_file_that_is_no_file_of_ours_is_an_error);
	return DONE();
}
