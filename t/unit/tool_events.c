/* Events read back: lines taken apart, times, patterns, files from the end. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tool/eventlog.h"
#include "tool/tell.h"
#include "tool/when.h"
#include "unit.h"

#define HEAD "{\"time\":\"2026-11-22T03:04:05.678Z\",\"event\":\"e\""

static bool
parse(struct eventline *e, const char *text)
{
	return eventline_parse(e, text, strlen(text));
}

TEST(a_line_that_was_written_is_read_back)
{
	static const char odd[] = "a\"b\\c\n\t\x01\x7f \xc3\xa4 \xe2\x82\xac "
	    "\xf0\x9f\x98\x80 /";
	struct eventline l;
	struct event e;
	size_t len = 0;
	char *line;

	event_begin(&e, "export-added", "nbdmux-add", odd, NULL);
	json_number(&e.json, "size", UINT64_MAX);
	json_real(&e.json, "seconds", 1.5);
	json_bool(&e.json, "tls", true);
	json_string(&e.json, "bad", "x\xffy");
	json_string(&e.json, "word", "null");
	line = event_end(&e, &len);
	CHECK(eventline_parse(&l, line, len - 1));
	CHECK(l.count == 10);
	CHECK_STR(eventline_get(&l, "event"), "export-added");
	CHECK_STR(eventline_get(&l, "who"), odd);
	CHECK(eventline_get(&l, "export") == NULL);
	CHECK_STR(eventline_get(&l, "size"), "18446744073709551615");
	CHECK_STR(eventline_get(&l, "seconds"), "1.5");
	CHECK_STR(eventline_get(&l, "tls"), "true");
	CHECK_STR(eventline_get(&l, "bad"), "x\xef\xbf\xbdy");
	CHECK_STR(eventline_get(&l, "word"), "null");
	eventline_free(&l);
	free(line);
}

TEST(what_is_no_flat_object_is_no_event)
{
	static const char *const bad[] = { "", "{", "}", "{}", "[]", "null",
		HEAD, HEAD ",", HEAD ",}", HEAD "}x", HEAD ",\"a\"}",
		HEAD ",\"a\":}", HEAD ",\"a\":[1]}", HEAD ",\"a\":{}}",
		HEAD ",\"a\":\"x}", HEAD ",\"a\":\"\\", HEAD ",\"a\":\"\\x\"}",
		HEAD ",\"a\":\"\\u12\"}", HEAD ",\"a\":\"\\u0000\"}",
		HEAD ",\"a\":\"\\u12g4\"}", HEAD ",\"a\":1", HEAD ",a:1}",
		HEAD ",\"a\":\"\n\"}", "{\"event\":\"e\"}",
		"{\"time\":\"x\",\"event\":null}", "{\"time\":1,\"event\":\"e\"}" };
	struct eventline e;
	char many[1024] = HEAD;

	CHECK(parse(&e, HEAD "}"));
	eventline_free(&e);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse(&e, bad[i])) {
			printf("# %s\n", bad[i]);
			CHECK(!"refused");
		}
	for (int i = 2; i < EVENTLINE_MEMBERS; i++)
		strcat(many, ",\"a\":1");
	strcat(many, "}");
	CHECK(parse(&e, many));
	eventline_free(&e);
	strcpy(strrchr(many, '}'), ",\"a\":1}");
	CHECK(!parse(&e, many));
}

/* Every beginning of a line, in memory of exactly that size. */
TEST(a_line_that_was_cut_is_no_event_at_any_byte)
{
	static const char line[] = HEAD ",\"a\":\"\\u00e4\\n\",\"b\":12}";
	struct eventline e;

	for (size_t n = 0; n < sizeof(line) - 1; n++) {
		char *copy = malloc(n + 1);

		memcpy(copy, line, n);
		CHECK(!eventline_parse(&e, copy, n));
		free(copy);
	}
}

static const char *
since(const char *text)
{
	static char out[EVENTS_TIME_SIZE];
	static struct diag d;
	uint64_t now = UINT64_C(1795316645) * CLOCK_SECOND; /* ...T03:04:05Z */
	uint64_t ns;

	return when_parse(text, now, &ns, &d) == 0 ? events_time(out, ns) : "";
}

TEST(times_are_read_in_utc_or_as_so_long_ago)
{
	static const char *const bad[] = { "", "x", "-1m", "10", "10w", "1.5h",
		"2026-13-01", "2026-11-22T", "2026-11-22T03:04:05+01:00",
		"2026-11-22x", "1969-12-31", "9999999999d" };

	CHECK_STR(since("5s"), "2026-11-22T03:04:00.000Z");
	CHECK_STR(since("2h"), "2026-11-22T01:04:05.000Z");
	CHECK_STR(since("1d"), "2026-11-21T03:04:05.000Z");
	CHECK_STR(since("99999d"), "1970-01-01T00:00:00.000Z");
	CHECK_STR(since("999999999d"), "1970-01-01T00:00:00.000Z");
	CHECK_STR(since("9999-12-31"), "2554-07-21T23:34:32.000Z");
	CHECK_STR(since("2026-11-22"), "2026-11-22T00:00:00.000Z");
	CHECK_STR(since("2026-11-22T01:02"), "2026-11-22T01:02:00.000Z");
	CHECK_STR(since("2026-11-22 01:02:03.5"), "2026-11-22T01:02:03.500Z");
	CHECK_STR(since("2026-11-22T01:02:03.678Z"),
	    "2026-11-22T01:02:03.678Z");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_STR(since(bad[i]), "");
}

/* Lines of all lengths, so that the blocks' edges fall everywhere in them. */
TEST(lines_are_read_from_the_end_across_blocks)
{
	char dir[] = "/tmp/nbdmux-unit-log-XXXXXX", path[64];
	struct eventlog_query q = { .limit = EVENTLOG_MAX };
	struct eventlog l;
	struct eventline e;
	struct diag d;
	size_t count = 3000;
	FILE *f;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/%s", dir, EVENTS_FILE);
	f = fopen(path, "w");
	for (size_t i = 0; i < count; i++) {
		int pad = i == 1000 ? EVENTS_LINE_MAX - 100 : (int)(i * 7 % 977);

		fprintf(f, HEAD ",\"n\":%zu,\"pad\":\"%*s\"}\n", i, pad, "");
		if (i == 2000) /* longer than any event */
			fprintf(f, "%*s\n", 5 * EVENTS_LINE_MAX, "x");
	}
	fprintf(f, HEAD); /* somebody is writing it */
	fclose(f);
	CHECK(eventlog_read(&l, dir, &q, &d) == 0);
	CHECK(l.count == count);
	for (size_t i = 0; i < l.count; i++) {
		char want[16];

		snprintf(want, sizeof(want), "%zu", count - 1 - i);
		CHECK(parse(&e, l.lines[i]));
		CHECK_STR(eventline_get(&e, "n"), want);
		eventline_free(&e);
	}
	CHECK(l.fd != -1 &&
	    l.at == lseek(l.fd, 0, SEEK_END) - (off_t)strlen(HEAD));
	eventlog_free(&l);
	unlink(path);
	CHECK(eventlog_read(&l, dir, &q, &d) == 0);
	CHECK(l.count == 0 && l.fd == -1);
	eventlog_free(&l);
	rmdir(dir);
	CHECK(eventlog_read(&l, dir, &q, &d) == -1);
}

TEST(who_it_is_comes_from_the_user_and_the_environment)
{
	char who[512], user[256], want[512];

	unsetenv("SUDO_USER");
	unsetenv("SSH_CLIENT");
	tell_who(user, sizeof(user));
	CHECK(user[0] != '\0' && strchr(user, ' ') == NULL);
	setenv("SSH_CLIENT", "2001:db8::7 4711 22", 1);
	setenv("SUDO_USER", "alice", 1);
	snprintf(want, sizeof(want), "%s (sudo by alice) from 2001:db8::7",
	    user);
	CHECK_STR(tell_who(who, sizeof(who)), want);
	CHECK(strlen(tell_who(who, 8)) <= 7);
	setenv("SSH_CLIENT", "", 1);
	unsetenv("SUDO_USER");
	CHECK_STR(tell_who(who, sizeof(who)), user);
}

int
main(void)
{
	RUN(a_line_that_was_written_is_read_back);
	RUN(what_is_no_flat_object_is_no_event);
	RUN(a_line_that_was_cut_is_no_event_at_any_byte);
	RUN(times_are_read_in_utc_or_as_so_long_ago);
	RUN(lines_are_read_from_the_end_across_blocks);
	RUN(who_it_is_comes_from_the_user_and_the_environment);
	return DONE();
}
