/* log: what stderr gets. */
#include "base/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "unit.h"

static int captured = -1; /* stderr during the tests: appended to */

/* What came since the last call, NUL-terminated. */
static const char *
output(void)
{
	static char text[1 << 20];
	ssize_t n = pread(captured, text, sizeof text - 1, 0);

	CHECK(n >= 0 && ftruncate(captured, 0) == 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* The same without the time, whose form is checked here. */
static const char *
line(void)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
	const char *text = output();
	size_t i;

	for (i = 0; form[i] != '\0'; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' :
		    text[i] != form[i])
			break;
	CHECK(form[i] == '\0');
	return text + i;
}

TEST(a_line_has_time_level_event_and_pairs)
{
	struct log_line l;

	log_begin(&l, LEVEL_INFO, "connected");
	log_str(&l, "client", "[::1]:5000");
	log_num(&l, "generation", 18446744073709551615u);
	log_end(&l);
	CHECK_STR(line(), "info connected client=[::1]:5000 "
	    "generation=18446744073709551615\n");
}

TEST(values_are_quoted_when_they_could_be_misread)
{
	struct log_line l;

	log_begin(&l, LEVEL_WARNING, "e");
	log_str(&l, "a", "b c");
	log_str(&l, "a", "");
	log_str(&l, "a", NULL);
	log_str(&l, "a", "x=y");
	log_str(&l, "a", "say \"x\"");
	log_str(&l, "a", "back\\slash");
	log_str(&l, "a", "\xc3\xa9;#,");
	log_end(&l);
	CHECK_STR(line(), "warning e a=\"b c\" a=\"\" a=\"\" a=\"x=y\" "
	    "a=\"say \\\"x\\\"\" a=\"back\\\\slash\" a=\xc3\xa9;#,\n");
}

TEST(bytes_from_the_network_cannot_forge_a_line)
{
	static const char bytes[] = "x\n2026 error fake\x1b[2J\0\xff\xc2\x9b";
	struct log_line l;

	log_begin(&l, LEVEL_ERROR, "refused");
	log_bytes(&l, "name", bytes, sizeof bytes - 1);
	log_end(&l);
	CHECK_STR(line(), "error refused name=\"x\\n2026 error fake\\x1b[2J"
	    "\\x00\\xff\\xc2\\x9b\"\n");
}

TEST(lines_below_the_level_are_not_written)
{
	struct log_line l;

	log_set_level(LEVEL_WARNING);
	CHECK(log_on(LEVEL_ERROR) && log_on(LEVEL_WARNING));
	CHECK(!log_on(LEVEL_INFO) && !log_on(LEVEL_DEBUG));
	log_begin(&l, LEVEL_INFO, "e");
	log_str(&l, "a", "b");
	log_num(&l, "n", 1);
	log_end(&l);
	log_info("e", "x");
	log_debug("e", "x");
	CHECK_STR(output(), "");
	log_warning("e", "x");
	CHECK_STR(line(), "warning e reason=x\n");
	log_set_level(LEVEL_DEBUG);
	log_debug("e", "%s", "");
	CHECK_STR(line(), "debug e reason=\"\"\n");
	log_set_level(LEVEL_INFO);
}

TEST(errno_is_kept_and_can_be_said)
{
	struct log_line l;

	errno = ENOSPC;
	log_error("publish", "cannot write: %m");
	CHECK(errno == ENOSPC);
	CHECK_STR(line(),
	    "error publish reason=\"cannot write: No space left on device\"\n");
	errno = EIO;
	log_begin(&l, LEVEL_INFO, "e");
	close(STDERR_FILENO);
	log_end(&l);
	CHECK(errno == EIO);
	dup2(captured, STDERR_FILENO);
	CHECK_STR(output(), "");
}

TEST(a_long_line_is_cut_and_still_well_formed)
{
	struct log_line l;
	char value[2 * LOG_LINE_MAX], key[LOG_LINE_MAX + 9];
	const char *text;
	size_t len, n;

	memset(value, 'v', sizeof value);
	memset(key, 'k', sizeof key - 1);
	key[sizeof key - 1] = '\0';
	for (n = LOG_LINE_MAX - 120; n < LOG_LINE_MAX + 8; n++) {
		log_begin(&l, LEVEL_INFO, "e");
		log_bytes(&l, "a", value, n);
		log_str(&l, "b", "one two");
		log_str(&l, key, "c");
		log_num(&l, "d", 12345678);
		log_end(&l);
		text = output();
		len = strlen(text);
		CHECK(len <= LOG_LINE_MAX && len > LOG_LINE_MAX - 120);
		CHECK(strchr(text, '\n') == text + len - 1);
		CHECK(strstr(text, "...") != NULL);
	}
	/* an event without end, escapes at the edge */
	memset(value, '\n', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	log_error(value, "x");
	text = output();
	CHECK(strlen(text) <= LOG_LINE_MAX && strstr(text, "...") != NULL);
	log_error("e", "%s", value);
	text = output();
	CHECK(strlen(text) <= LOG_LINE_MAX);
	CHECK(strstr(text, "\\n...\"\n") == text + strlen(text) - 7);
}

TEST(a_pair_behind_one_that_did_not_fit_is_still_logged)
{
	struct log_line l;
	char key[LOG_LINE_MAX];

	memset(key, 'k', sizeof key - 1);
	key[sizeof key - 1] = '\0';
	log_begin(&l, LEVEL_INFO, "e");
	log_num(&l, key, 1);
	log_num(&l, key, 2);
	log_num(&l, "n", 3);
	log_end(&l);
	CHECK_STR(line(), "info e ... n=3\n");
}

#define THREADS 4
#define LINES 1000

static void *
chatter(void *arg)
{
	int i;

	for (i = 0; i < LINES; i++)
		log_info("chatter", "%s%0200d", (const char *)arg, i);
	return NULL;
}

TEST(lines_of_threads_do_not_mix)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	pthread_t threads[THREADS];
	const char *text, *at;
	int next[THREADS] = { 0 }, who, n, i, end;

	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, chatter,
		    (void *)(uintptr_t)names[i]) == 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	text = output();
	for (n = 0; *text != '\0'; n++) {
		at = strstr(text, " info chatter reason=");
		CHECK(at != NULL && at - text == 24);
		if (at == NULL)
			return;
		at += strlen(" info chatter reason=");
		who = at[0] - 'a';
		end = 0;
		CHECK(who >= 0 && who < THREADS &&
		    sscanf(at + 1, "%d%n", &i, &end) == 1 && end == 200 &&
		    at[201] == '\n' && i == next[who]++);
		text = at + 202;
	}
	CHECK(n == THREADS * LINES);
}

TEST(the_journal_gets_levels_instead_of_times)
{
	struct stat st;
	char stream[64];

	CHECK(fstat(STDERR_FILENO, &st) == 0);
	snprintf(stream, sizeof stream, "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(false, "unit");
	log_warning("e", "x");
	CHECK_STR(output(), "<4>warning e reason=x\n");
	setenv("JOURNAL_STREAM", "1:2", 1); /* stderr went elsewhere since */
	log_open(false, "unit");
	log_warning("e", "x");
	CHECK_STR(line(), "warning e reason=x\n");
	unsetenv("JOURNAL_STREAM");
}

TEST(syslog_lines_do_not_go_to_stderr)
{
	log_open(true, "unit");
	log_info("nbdmux-unit-test", "to syslog");
	CHECK_STR(output(), "");
	log_open(false, "unit");
	log_info("e", "back");
	CHECK_STR(line(), "info e reason=back\n");
}

TEST(levels_have_names)
{
	CHECK_STR(log_level_names[LEVEL_ERROR], "error");
	CHECK_STR(log_level_names[LEVEL_DEBUG], "debug");
	CHECK(log_level_names[LEVEL_DEBUG + 1] == NULL);
}

static int
capture_stderr(void)
{
	char name[] = "/tmp/nbdmux-log.XXXXXX";

	captured = mkostemp(name, O_APPEND | O_CLOEXEC);
	if (captured == -1)
		return -1;
	unlink(name);
	return dup2(captured, STDERR_FILENO);
}

int
main(void)
{
	unsetenv("JOURNAL_STREAM");
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (capture_stderr() == -1)
		return 1;
	log_open(false, "unit");
	RUN(a_line_has_time_level_event_and_pairs);
	RUN(values_are_quoted_when_they_could_be_misread);
	RUN(bytes_from_the_network_cannot_forge_a_line);
	RUN(lines_below_the_level_are_not_written);
	RUN(errno_is_kept_and_can_be_said);
	RUN(a_long_line_is_cut_and_still_well_formed);
	RUN(a_pair_behind_one_that_did_not_fit_is_still_logged);
	RUN(lines_of_threads_do_not_mix);
	RUN(the_journal_gets_levels_instead_of_times);
	RUN(syslog_lines_do_not_go_to_stderr);
	RUN(levels_have_names);
	return DONE();
}
