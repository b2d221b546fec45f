/* The spool as a whole: what counts, what is bad, what is read again. */
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "spool/view.h"
#include "spool_dir.h"
#include "unit.h"

static struct dir dir;

static struct view *
look(const struct view *old)
{
	struct view *v = NULL;
	struct diag d;

	if (view_read(dir.fd, old, &v, &d) == -1) {
		printf("# %s\n", d.text);
		exit(1);
	}
	return v;
}

/* Make a file's times old enough to be trusted. */
static void
age(const char *name)
{
	struct timespec t[2] = { { 1000000, 5 }, { 1000000, 5 } };

	utimensat(dir.fd, name, t, 0);
}

/* The change time cannot be set: wait until it is trusted as well. */
static void
settle(void)
{
	usleep(150000);
}

static const char *
error_of(const struct view *v, const char *name)
{
	const struct view_entry *e = view_find(v, name);

	return e == NULL ? "ABSENT" : e->bad ? e->error : "GOOD";
}

TEST(an_empty_directory_is_an_empty_view)
{
	struct view *v;

	dir_make(&dir);
	v = look(NULL);
	CHECK(v->count == 0 && v->nkick == 0);
	CHECK(view_find(v, "a") == NULL);
	view_free(v);
	view_free(NULL);
	dir_remove(&dir);
}

TEST(only_files_of_exports_count_and_they_are_sorted)
{
	struct view *v;

	dir_make(&dir);
	dir_put(&dir, "b.ini", "[export]\nimage = /b\n");
	dir_put(&dir, "a.ini", "[export]\nimage = /a\nmode = rw\n");
	dir_put(&dir, "a-1.ini", "[export]\nimage = /a-1\n");
	dir_put(&dir, "B.ini", "[export]\nimage = /B\n");
	dir_put(&dir, ".nbdmux-123", "rubbish");
	dir_put(&dir, "a.ini~", "rubbish");
	dir_put(&dir, ".b.ini.swp", "rubbish");
	dir_put(&dir, "README", "rubbish");
	dir_put(&dir, "zz.kick", "");
	dir_put(&dir, "b.kick", "");
	dir_put(&dir, ".c.kick", "");
	v = look(NULL);
	CHECK(v->count == 4);
	CHECK_STR(v->entries[0]->name, "B");
	CHECK_STR(v->entries[1]->name, "a");
	CHECK_STR(v->entries[2]->name, "a-1");
	CHECK_STR(v->entries[3]->name, "b");
	CHECK_STR(view_find(v, "a")->record.image, "/a");
	CHECK(view_find(v, "a")->record.mode == MODE_RW);
	CHECK(view_find(v, "README") == NULL);
	CHECK(v->nkick == 2);
	CHECK_STR(v->kick[0], "b");
	CHECK_STR(v->kick[1], "zz");
	view_free(v);
	dir_remove(&dir);
}

TEST(one_bad_file_is_one_bad_entry_with_file_and_line)
{
	struct view *v;
	static char big[RECORD_FILE_MAX + 2];

	dir_make(&dir);
	memset(big, '#', sizeof(big) - 1);
	dir_put(&dir, "good.ini", "[export]\nimage = /a\n");
	dir_put(&dir, "key.ini", "[export]\nimage = /a\nimage2 = /b\n");
	dir_put(&dir, "empty.ini", "");
	dir_put(&dir, "big.ini", big);
	CHECK(mkdirat(dir.fd, "dir.ini", 0755) == 0);
	CHECK(mkfifoat(dir.fd, "fifo.ini", 0644) == 0);
	CHECK(symlinkat("nowhere", dir.fd, "link.ini") == 0);
	CHECK(symlinkat("loop.ini", dir.fd, "loop.ini") == 0);
	v = look(NULL);
	CHECK(v->count == 8);
	CHECK_STR(error_of(v, "good"), "GOOD");
	CHECK_STR(error_of(v, "key"), "key.ini:3: unknown key \"image2\"; did "
	    "you mean \"image\"?");
	CHECK(strncmp(error_of(v, "empty"), "empty.ini:", 10) == 0);
	CHECK_STR(error_of(v, "big"), "cannot read big.ini: it is larger than "
	    "65536 bytes");
	CHECK(strstr(error_of(v, "dir"), "cannot read dir.ini: it is not a "
	    "regular file") != NULL);
	CHECK(strstr(error_of(v, "fifo"), "cannot read fifo.ini: it is not a "
	    "regular file") != NULL);
	CHECK_STR(error_of(v, "link"), "cannot read link.ini: it is a link to "
	    "a file that does not exist");
	CHECK(strncmp(error_of(v, "loop"), "cannot read loop.ini: ", 22) == 0);
	CHECK(view_find(v, "key")->record.image == NULL);
	view_free(v);
	dir_remove(&dir);
}

TEST(a_link_to_a_file_is_that_file)
{
	struct view *v, *w;

	dir_make(&dir);
	dir_put(&dir, "target", "[export]\nimage = /a\n");
	dir_put(&dir, "other", "[export]\nimage = /b\n");
	CHECK(symlinkat("target", dir.fd, "a.ini") == 0);
	settle();
	v = look(NULL);
	CHECK_STR(view_find(v, "a")->record.image, "/a");
	CHECK(unlinkat(dir.fd, "a.ini", 0) == 0);
	CHECK(symlinkat("other", dir.fd, "a.ini") == 0);
	w = look(v);
	CHECK_STR(view_find(w, "a")->record.image, "/b");
	view_free(v);
	view_free(w);
	dir_remove(&dir);
}

TEST(an_unchanged_file_is_not_read_again)
{
	struct view *v, *w;

	dir_make(&dir);
	dir_put(&dir, "a.ini", "[export]\nimage = /a\n");
	dir_put(&dir, "bad.ini", "rubbish\n");
	settle();
	v = look(NULL);
	w = look(v);
	CHECK(v->entries[0] == w->entries[0]);
	CHECK(v->entries[1] == w->entries[1]);
	CHECK(!w->entries[0]->racy && !w->entries[1]->racy);
	CHECK(w->entries[1]->bad);
	/* The one that was shared outlives the view that read it. */
	view_free(v);
	CHECK_STR(w->entries[0]->record.image, "/a");
	view_free(w);
	dir_remove(&dir);
}

TEST(a_file_that_changed_just_now_is_read_again)
{
	struct view *v, *w, *x;

	dir_make(&dir);
	dir_put(&dir, "a.ini", "[export]\nimage = /a\n");
	v = look(NULL);
	CHECK(v->entries[0]->racy);
	w = look(v);
	CHECK(v->entries[0] != w->entries[0]);
	settle();
	x = look(w);
	CHECK(!x->entries[0]->racy);
	view_free(v);
	view_free(w);
	view_free(x);
	dir_remove(&dir);
}

TEST(old_times_on_a_new_file_do_not_deceive)
{
	struct view *v, *w;

	dir_make(&dir);
	dir_put(&dir, "a.ini", "[export]\nimage = /a\n");
	age("a.ini");
	settle();
	v = look(NULL);
	CHECK(!v->entries[0]->racy);
	/* In place, same length, same modification time. */
	dir_put(&dir, "a.ini", "[export]\nimage = /b\n");
	age("a.ini");
	w = look(v);
	CHECK_STR(w->entries[0]->record.image, "/b");
	CHECK(w->entries[0]->racy);
	view_free(v);
	view_free(w);
	dir_remove(&dir);
}

TEST(times_in_the_future_are_never_trusted)
{
	struct timespec t[2] = { { 4000000000, 0 }, { 4000000000, 0 } };
	struct view *v;

	dir_make(&dir);
	dir_put(&dir, "a.ini", "[export]\nimage = /a\n");
	CHECK(utimensat(dir.fd, "a.ini", t, 0) == 0);
	settle();
	v = look(NULL);
	CHECK(v->entries[0]->racy);
	view_free(v);
	dir_remove(&dir);
}

TEST(additions_changes_and_removals_show)
{
	struct view *v, *w;

	dir_make(&dir);
	dir_put(&dir, "a.ini", "[export]\nimage = /a\n");
	dir_put(&dir, "c.ini", "[export]\nimage = /c\n");
	dir_put(&dir, "e.ini", "[export]\nimage = /e\n");
	settle();
	v = look(NULL);
	CHECK(unlinkat(dir.fd, "a.ini", 0) == 0);
	dir_put(&dir, "b.ini", "[export]\nimage = /b\n");
	dir_put(&dir, "tmp", "[export]\nimage = /cc\n");
	CHECK(renameat(dir.fd, "tmp", dir.fd, "c.ini") == 0);
	dir_put(&dir, "f.ini", "[export]\nimage = /f\n");
	w = look(v);
	CHECK(w->count == 4);
	CHECK_STR(error_of(w, "a"), "ABSENT");
	CHECK_STR(w->entries[0]->record.image, "/b");
	CHECK_STR(w->entries[1]->record.image, "/cc");
	CHECK(w->entries[2] == view_find(v, "e"));
	CHECK_STR(w->entries[3]->record.image, "/f");
	/* The old view is as it was. */
	CHECK(v->count == 3);
	CHECK_STR(view_find(v, "c")->record.image, "/c");
	view_free(v);
	view_free(w);
	dir_remove(&dir);
}

TEST(a_name_alone_is_a_view_of_its_own)
{
	struct view *v = NULL;
	struct diag d;

	dir_make(&dir);
	dir_put(&dir, "a.ini", "[export]\nimage = /a\n");
	dir_put(&dir, "b.ini", "rubbish\n");
	CHECK(view_read_name(dir.fd, "a", &v, &d) == 0);
	CHECK(v->count == 1 && v->nkick == 0);
	CHECK_STR(error_of(v, "a"), "GOOD");
	view_free(v);
	CHECK(view_read_name(dir.fd, "b", &v, &d) == 0);
	CHECK(v->count == 1 && strncmp(error_of(v, "b"), "b.ini:1: ", 9) == 0);
	view_free(v);
	CHECK(view_read_name(dir.fd, "c", &v, &d) == 0 && v->count == 0);
	view_free(v);
	dir_remove(&dir);
}

TEST(a_directory_that_was_removed_is_not_an_empty_one)
{
	struct view *v = NULL;
	struct diag d;

	dir_make(&dir);
	CHECK(rmdir(dir.path) == 0);
	CHECK(view_read(dir.fd, NULL, &v, &d) == -1);
	CHECK(v == NULL);
	CHECK_STR(d.text, "the directory was removed");
	close(dir.fd);
}

TEST(a_directory_that_may_not_be_read_is_an_error_not_bad_entries)
{
	int status = -1;
	struct diag d;
	struct view *v;
	pid_t pid;

	dir_make(&dir);
	dir_put(&dir, "a.ini", "[export]\nimage = /a\n");
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && (fchown(dir.fd, 65534, 65534) == -1 ||
		    setresuid(65534, 65534, 65534) == -1))
			_exit(9);
		if (fchmod(dir.fd, 0) == -1 ||
		    view_read(dir.fd, NULL, &v, &d) != -1)
			_exit(1);
		/* May be listed, but no file in it may be looked at. */
		if (fchmod(dir.fd, 0400) == -1 ||
		    view_read(dir.fd, NULL, &v, &d) != -1)
			_exit(2);
		if (fchmod(dir.fd, 0700) == -1 ||
		    view_read(dir.fd, NULL, &v, &d) == -1)
			_exit(3);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(status == 0);
	dir_remove(&dir);
}

TEST(a_file_without_permission_is_bad_until_it_gets_it)
{
	int status = -1;
	struct view *v, *w;
	struct diag d;
	pid_t pid;

	dir_make(&dir);
	dir_put(&dir, "a.ini", "[export]\nimage = /a\n");
	CHECK(fchmodat(dir.fd, "a.ini", 0, 0) == 0);
	CHECK(fchmod(dir.fd, 0777) == 0);
	settle();
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 &&
		    (fchownat(dir.fd, "a.ini", 65534, 65534, 0) == -1 ||
		    setresuid(65534, 65534, 65534) == -1))
			_exit(9);
		if (view_read(dir.fd, NULL, &v, &d) == -1 ||
		    strcmp(error_of(v, "a"), "cannot read a.ini: "
		    "Permission denied") != 0 || !v->entries[0]->racy)
			_exit(1);
		if (fchmodat(dir.fd, "a.ini", 0644, 0) == -1 ||
		    view_read(dir.fd, v, &w, &d) == -1 ||
		    strcmp(error_of(w, "a"), "GOOD") != 0)
			_exit(2);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(status == 0);
	dir_remove(&dir);
}

TEST(files_replaced_while_the_directory_is_read_are_never_missing)
{
	struct view *v, *w;
	char name[32];
	int missing = 0, bad = 0;
	pid_t pid;

	dir_make(&dir);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "e%03d.ini", i);
		dir_put(&dir, name, "[export]\nimage = /a\n");
	}
	v = look(NULL);
	pid = fork();
	if (pid == 0)
		for (int i = 0;; i++) {
			dir_put(&dir, ".new", "[export]\nimage = /bb\n");
			snprintf(name, sizeof(name), "e%03d.ini", i % 300);
			renameat(dir.fd, ".new", dir.fd, name);
		}
	for (int i = 0; i < 300; i++) {
		w = look(v);
		missing += w->count != 300;
		for (size_t j = 0; j < w->count; j++)
			bad += w->entries[j]->bad;
		view_free(v);
		v = w;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(missing == 0);
	CHECK(bad == 0);
	view_free(v);
	dir_remove(&dir);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TEST(ten_thousand_files_are_read_and_read_again_in_no_time)
{
	struct view *v, *w;
	char name[32], text[64];
	double t[3];
	size_t shared = 0;

	dir_make(&dir);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "e%05d.ini", i * 7919 % 10000);
		snprintf(text, sizeof(text), "[export]\nimage = /%d\n", i);
		dir_put(&dir, name, text);
	}
	settle();
	t[0] = seconds();
	v = look(NULL);
	t[1] = seconds();
	dir_put(&dir, "e05000.ini", "[export]\nimage = /changed\n");
	w = look(v);
	t[2] = seconds();
	CHECK(v->count == 10000 && w->count == 10000);
	for (size_t i = 0; i < w->count; i++) {
		snprintf(name, sizeof(name), "e%05zu", i);
		CHECK_STR(w->entries[i]->name, name);
		shared += v->entries[i] == w->entries[i];
	}
	CHECK(shared == 9999);
	CHECK_STR(view_find(w, "e05000")->record.image, "/changed");
	printf("# 10,000 files: %.0f ms, one change among them: %.0f ms\n",
	    (t[1] - t[0]) * 1e3, (t[2] - t[1]) * 1e3);
	CHECK(t[2] - t[1] < 2);
	view_free(v);
	view_free(w);
	dir_remove(&dir);
}

int
main(void)
{
	RUN(an_empty_directory_is_an_empty_view);
	RUN(only_files_of_exports_count_and_they_are_sorted);
	RUN(one_bad_file_is_one_bad_entry_with_file_and_line);
	RUN(a_link_to_a_file_is_that_file);
	RUN(an_unchanged_file_is_not_read_again);
	RUN(a_file_that_changed_just_now_is_read_again);
	RUN(old_times_on_a_new_file_do_not_deceive);
	RUN(times_in_the_future_are_never_trusted);
	RUN(additions_changes_and_removals_show);
	RUN(a_name_alone_is_a_view_of_its_own);
	RUN(a_directory_that_was_removed_is_not_an_empty_one);
	RUN(a_directory_that_may_not_be_read_is_an_error_not_bad_entries);
	RUN(a_file_without_permission_is_bad_until_it_gets_it);
	RUN(files_replaced_while_the_directory_is_read_are_never_missing);
	RUN(ten_thousand_files_are_read_and_read_again_in_no_time);
	return DONE();
}
