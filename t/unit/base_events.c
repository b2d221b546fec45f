/* Events: the line, the file's rotation, full disks, several writers. */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/events.h"
#include "base/file.h"
#include "unit.h"

static char dir[] = "/tmp/nbdmux-unit-events-XXXXXX";

static void
fresh(struct events *f)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (mkdtemp(dir) == NULL)
		exit(1);
	events_init(f, dir);
}

static char *
path(const char *name)
{
	static char text[PATH_MAX];

	snprintf(text, sizeof(text), "%s/%s", dir, name);
	return text;
}

static void
clean(struct events *f)
{
	events_close(f);
	unlink(path(EVENTS_FILE));
	unlink(path("events.jsonl.1"));
	rmdir(dir);
}

/* What is in the file; borrowed until the next call. */
static const char *
content(const char *name)
{
	static struct buf b;
	struct diag d;

	buf_free(&b);
	buf_init(&b, 1 << 20);
	if (file_read(AT_FDCWD, path(name), true, &b, NULL, &d) == -1)
		return d.text[0] != '\0' ? "unreadable" : "";
	return b.data != NULL ? b.data : "";
}

static int
put(struct events *f, const char *line)
{
	struct diag d = { "" };
	int rc = events_write(f, line, strlen(line), &d);

	if (rc == -1)
		CHECK(strstr(d.text, "cannot record ") != NULL);
	return rc;
}

TEST(an_event_is_one_line_of_json_in_a_fixed_order)
{
	struct event e;
	size_t len = 0;
	char *line;

	event_begin(&e, "export-added", "nbdmux-add", "al\"ice\n", "disk");
	json_number(&e.json, "generation", 3);
	json_string(&e.json, "image", "/srv/a b\xff");
	line = event_end(&e, &len);
	CHECK(line != NULL && strlen(line) == len);
	/* {"time":"2026-11-22T03:04:05.678Z", */
	CHECK(strncmp(line, "{\"time\":\"20", 11) == 0);
	CHECK(line[28] == '.' && line[32] == 'Z');
	CHECK_STR(line + 34, ",\"event\":\"export-added\","
	    "\"program\":\"nbdmux-add\",\"who\":\"al\\\"ice\\u000a\","
	    "\"export\":\"disk\",\"generation\":3,"
	    "\"image\":\"/srv/a b\\ufffd\"}\n");
	free(line);
	event_begin(&e, "server-started", "nbdmuxd", NULL, NULL);
	line = event_end(&e, &len);
	CHECK(strstr(line, "\"who\":null,\"export\":null}\n") != NULL);
	free(line);
}

TEST(a_line_that_nobody_would_read_is_refused)
{
	static char text[EVENTS_LINE_MAX];
	struct event e;
	size_t len;

	memset(text, 'x', sizeof(text) - 1);
	event_begin(&e, "export-added", "nbdmux-add", NULL, NULL);
	json_string(&e.json, "image", text);
	CHECK(event_end(&e, &len) == NULL && errno == E2BIG);
}

TEST(times_have_milliseconds_and_sort_as_text)
{
	char a[EVENTS_TIME_SIZE], b[EVENTS_TIME_SIZE];

	CHECK_STR(events_time(a, 0), "1970-01-01T00:00:00.000Z");
	events_time(a, 1795316645009000000ull);
	events_time(b, 1795316645010999999ull);
	CHECK_STR(a, "2026-11-22T03:04:05.009Z");
	CHECK_STR(b, "2026-11-22T03:04:05.010Z");
	CHECK(strcmp(a, b) < 0);
}

TEST(lines_are_appended_and_the_group_may_do_so_too)
{
	struct events f, g;
	struct stat st;
	mode_t mask = umask(077);

	fresh(&f);
	CHECK(put(&f, "one\n") == 0);
	umask(mask);
	events_init(&g, dir);
	CHECK(put(&g, "two\n") == 0);
	CHECK(put(&f, "three\n") == 0);
	events_close(&g);
	CHECK_STR(content(EVENTS_FILE), "one\ntwo\nthree\n");
	CHECK(stat(path(EVENTS_FILE), &st) == 0 &&
	    (st.st_mode & 07777) == 0664);
	clean(&f);
}

TEST(a_rotated_file_is_let_go_and_a_missing_directory_made)
{
	struct events f;
	char from[PATH_MAX];

	fresh(&f);
	CHECK(put(&f, "old\n") == 0);
	strcpy(from, path(EVENTS_FILE));
	CHECK(rename(from, path("events.jsonl.1")) == 0);
	CHECK(put(&f, "new\n") == 0);
	CHECK_STR(content("events.jsonl.1"), "old\n");
	CHECK_STR(content(EVENTS_FILE), "new\n");
	unlink(path(EVENTS_FILE));
	unlink(path("events.jsonl.1"));
	CHECK(rmdir(dir) == 0);
	CHECK(put(&f, "newer\n") == 0);
	CHECK_STR(content(EVENTS_FILE), "newer\n");
	clean(&f);
}

TEST(what_is_no_file_is_refused_and_links_are_not_followed)
{
	struct events f;

	fresh(&f);
	CHECK(mkfifo(path(EVENTS_FILE), 0600) == 0);
	CHECK(put(&f, "x\n") == -1 && errno == EINVAL);
	unlink(path(EVENTS_FILE));
	CHECK(symlink("events.jsonl.1", path(EVENTS_FILE)) == 0);
	CHECK(put(&f, "x\n") == -1 && errno == ELOOP);
	unlink(path(EVENTS_FILE));
	CHECK(put(&f, "x\n") == 0);
	clean(&f);
	events_init(&f, "/proc/no/such");
	CHECK(put(&f, "x\n") == -1 && errno == ENOENT);
}

/* RLIMIT_FSIZE cuts as a full disk does: at a byte, in the middle of a line. */
TEST(a_full_disk_costs_its_lines_and_no_others)
{
	struct rlimit was, small = { 0 };
	struct events f;

	fresh(&f);
	signal(SIGXFSZ, SIG_IGN);
	CHECK(put(&f, "first\n") == 0);
	getrlimit(RLIMIT_FSIZE, &was);
	small.rlim_cur = 9;
	small.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	CHECK(put(&f, "second\n") == -1 && errno == ENOSPC);
	CHECK(put(&f, "third\n") == -1);
	setrlimit(RLIMIT_FSIZE, &was);
	CHECK(put(&f, "fourth\n") == 0);
	CHECK_STR(content(EVENTS_FILE), "first\nsec\nfourth\n");
	clean(&f);
}

TEST(lines_of_many_writers_do_not_mix)
{
	enum { WRITERS = 4, LINES = 500 };
	struct events f;
	const char *at;
	size_t lines = 0;

	fresh(&f);
	for (int w = 0; w < WRITERS; w++) {
		char line[300];

		if (fork() != 0)
			continue;
		memset(line, 'a' + w, sizeof(line));
		line[sizeof(line) - 1] = '\n';
		events_init(&f, dir);
		for (int i = 0; i < LINES; i++)
			if (events_write(&f, line, sizeof(line), NULL) == -1)
				_exit(1);
		_exit(0);
	}
	for (int w = 0, status; w < WRITERS; w++)
		CHECK(wait(&status) != -1 && status == 0);
	for (at = content(EVENTS_FILE); *at != '\0'; at++) {
		size_t len = strcspn(at, "\n");

		if (len == 0)
			continue; /* somebody looked in the middle of a line */
		lines++;
		CHECK(len == 299 && strspn(at, (char[]){ *at, '\0' }) == 299);
		at += len;
	}
	CHECK(lines == WRITERS * LINES);
	clean(&f);
}

int
main(void)
{
	RUN(an_event_is_one_line_of_json_in_a_fixed_order);
	RUN(a_line_that_nobody_would_read_is_refused);
	RUN(times_have_milliseconds_and_sort_as_text);
	RUN(lines_are_appended_and_the_group_may_do_so_too);
	RUN(a_rotated_file_is_let_go_and_a_missing_directory_made);
	RUN(what_is_no_file_is_refused_and_links_are_not_followed);
	RUN(a_full_disk_costs_its_lines_and_no_others);
	RUN(lines_of_many_writers_do_not_mix);
	return DONE();
}
