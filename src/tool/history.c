/* history: a line per event for people; JSON is given out as it is written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "spool/config.h"
#include "tool/cell.h"
#include "tool/follow.h"
#include "tool/history.h"

/* What stands at the beginning of a line, or tells nothing to people. */
static bool
shown_before(const char *key)
{
	static const char *const keys[] = { "time", "event", "program",
		"export" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static bool
counts_bytes(const char *key)
{
	return strcmp(key, "size") == 0 || strncmp(key, "bytes_", 6) == 0;
}

static void
print_member(const struct eventline_member *m)
{
	char text[4096], human[SIZE_TEXT];
	const char *quote;

	if (eventline_null(m) || shown_before(m->key))
		return;
	cell_escape(text, sizeof(text), counts_bytes(m->key) ?
	    size_human(human, sizeof(human), strtoull(m->value, NULL, 10)) :
	    m->value);
	quote = text[0] == '\0' || strpbrk(text, " =\"") != NULL ? "\"" : "";
	printf("  %s=%s%s%s", m->key, quote, text, quote);
}

/* "2026-11-22 03:04:05Z  export-added      disk          who=alice ..." */
static void
print_line(const struct eventline *e)
{
	const char *export = eventline_get(e, "export");
	char time[64], name[128], of[256];

	cell_escape(time, sizeof(time), eventline_get(e, "time"));
	time[strcspn(time, "T")] = ' ';
	time[strcspn(time, ".")] = '\0';
	cell_escape(name, sizeof(name), eventline_get(e, "event"));
	cell_escape(of, sizeof(of), export != NULL ? export : "-");
	printf("%sZ  %-16s  %-12s", time, name, of);
	for (size_t i = 0; i < e->count; i++)
		print_member(&e->members[i]);
	putchar('\n');
}

static void
print(void *arg, const char *text, size_t len)
{
	const struct history *h = arg;
	struct eventline e;

	if (!eventlog_wants(&h->query, text, len, &e))
		return;
	if (h->json) {
		fwrite(text, 1, len, stdout);
		putchar('\n');
	} else
		print_line(&e);
	eventline_free(&e);
}

static void
follow(const struct tool *t, struct history *h, struct eventlog *l)
{
	struct follow f;

	follow_begin(&f, t->places.data, l->fd, l->at);
	l->fd = -1;
	do {
		follow_read(&f, print, h);
		if (fflush(stdout) != 0)
			break;
	} while (follow_wait(&f, STDOUT_FILENO));
	follow_end(&f);
}

int
history_run(struct tool *t, const struct history *asked)
{
	struct history h = *asked;
	struct eventlog l;
	struct diag d;
	int status = TOOL_OK;

	if (config_data(&t->places, &d) == -1)
		return tool_fail(t, TOOL_FAILED, "%s", d.text);
	if (eventlog_read(&l, t->places.data, &h.query, &d) == -1)
		status = errno == ENOENT ? tool_fail(t, TOOL_FAILED, "%s; "
		    "nothing has been recorded there, or NBDMUX_DATA or "
		    "\"data-dir\" names another", d.text) :
		    tool_fail(t, TOOL_FAILED, "%s", d.text);
	for (size_t i = l.count; i > 0; i--)
		print(&h, l.lines[i - 1], strlen(l.lines[i - 1]));
	if (status == TOOL_OK && h.follow)
		follow(t, &h, &l);
	eventlog_free(&l);
	return status;
}
