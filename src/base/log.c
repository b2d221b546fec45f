/*
 * log: the only file-scope state outside main/.  It is set at start-up and
 * read by every thread; a line is put together on its caller's stack, so
 * threads meet only in write(2), which keeps a line of this size whole.
 */
#include "base/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "base/text.h"

const char *const log_level_names[] = { "error", "warning", "info", "debug",
	NULL };

static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

enum target { TARGET_STDERR, TARGET_JOURNAL, TARGET_SYSLOG };

static _Atomic enum target target = TARGET_STDERR;
static _Atomic enum log_level limit = LEVEL_INFO;
static char name[64]; /* openlog() keeps the pointer */

/* Behind every line: " ..." when something did not fit, "\n" and NUL. */
#define TAIL 6
#define ROOM (LOG_LINE_MAX - TAIL)

/* systemd says which file its journal reads; stderr may be another by now. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	snprintf(own, sizeof own, "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	return strcmp(own, stream) == 0;
}

void
log_open(bool to_syslog, const char *ident)
{
	strlcpy(name, ident, sizeof name);
	if (!to_syslog) {
		target = stderr_is_journal() ? TARGET_JOURNAL : TARGET_STDERR;
		return;
	}
	closelog();
	/* NDELAY: the socket may be out of reach after privileges are gone. */
	openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	target = TARGET_SYSLOG;
}

void
log_set_level(enum log_level level)
{
	limit = level;
}

bool
log_on(enum log_level level)
{
	return level <= atomic_load_explicit(&limit, memory_order_relaxed);
}

/* What stands before the event: the journal takes "<6>" for the level. */
static size_t
put_head(char *text, size_t size, enum log_level level)
{
	char when[32];
	struct timespec now;

	switch (atomic_load(&target)) {
	case TARGET_SYSLOG:
		text[0] = '\0';
		return 0;
	case TARGET_JOURNAL:
		return (size_t)snprintf(text, size, "<%d>%s ",
		    priorities[level], log_level_names[level]);
	case TARGET_STDERR:
		break;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	text_time(when, sizeof when, now.tv_sec);
	when[strcspn(when, "Z")] = '\0';
	return (size_t)snprintf(text, size, "%s.%03dZ %s ", when,
	    (int)(now.tv_nsec / 1000000), log_level_names[level]);
}

void
log_begin(struct log_line *l, enum log_level level, const char *event)
{
	int saved = errno;

	l->on = log_on(level);
	l->level = level;
	l->len = 0;
	if (l->on) {
		l->len = put_head(l->text, ROOM, level);
		text_escape(l->text + l->len, ROOM - l->len, event,
		    strlen(event));
		l->len += strlen(l->text + l->len);
	}
	errno = saved;
}

/* In place of a pair that does not fit; shorter ones after it still may. */
static void
put_cut(struct log_line *l)
{
	static const char cut[] = " ...";

	if (l->len > ROOM || (l->len >= sizeof cut - 1 &&
	    strcmp(l->text + l->len - (sizeof cut - 1), cut) == 0))
		return;
	memcpy(l->text + l->len, cut, sizeof cut);
	l->len += sizeof cut - 1;
}

static bool
needs_quotes(const char *escaped, const void *p, size_t len)
{
	return len == 0 || strlen(escaped) != len ||
	    memcmp(escaped, p, len) != 0 || strpbrk(escaped, " =") != NULL;
}

void
log_bytes(struct log_line *l, const char *key, const void *p, size_t len)
{
	size_t keylen = strlen(key), most;
	char *value;

	if (!l->on)
		return;
	/* " key=", two quotes and at least "..." */
	if (l->len + keylen + 2 + 2 + 4 > ROOM) {
		put_cut(l);
		return;
	}
	l->text[l->len++] = ' ';
	memcpy(l->text + l->len, key, keylen);
	l->len += keylen;
	l->text[l->len++] = '=';
	value = l->text + l->len;
	most = ROOM - l->len - 2;
	text_escape(value + 1, most, p, len);
	if (needs_quotes(value + 1, p, len)) {
		value[0] = '"';
		l->len += strlen(value);
		l->text[l->len++] = '"';
		l->text[l->len] = '\0';
	} else {
		memmove(value, value + 1, len + 1);
		l->len += len;
	}
}

void
log_str(struct log_line *l, const char *key, const char *value)
{
	if (l->on)
		log_bytes(l, key, value, value != NULL ? strlen(value) : 0);
}

void
log_num(struct log_line *l, const char *key, uint64_t value)
{
	char text[24];
	int n;

	if (!l->on)
		return;
	n = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	log_bytes(l, key, text, (size_t)n);
}

void
log_end(struct log_line *l)
{
	int saved = errno;

	if (!l->on)
		return;
	if (target == TARGET_SYSLOG) {
		syslog(priorities[l->level], "%s", l->text);
	} else {
		l->text[l->len++] = '\n';
		/* Nowhere to report a failure to. */
		while (write(STDERR_FILENO, l->text, l->len) == -1 &&
		    errno == EINTR)
			;
	}
	l->on = false;
	errno = saved;
}

static void
log_reason(enum log_level level, const char *event, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));

static void
log_reason(enum log_level level, const char *event, const char *fmt,
    va_list ap)
{
	int saved = errno;
	char reason[LOG_LINE_MAX];
	struct log_line l;

	log_begin(&l, level, event);
	if (!l.on)
		return;
	if (vsnprintf(reason, sizeof reason, fmt, ap) < 0)
		reason[0] = '\0';
	log_str(&l, "reason", reason);
	log_end(&l);
	errno = saved;
}

#define LEVEL_FUNCTION(function, level)                                   \
	void function(const char *event, const char *fmt, ...)            \
	{                                                                 \
		va_list ap;                                               \
		va_start(ap, fmt);                                        \
		log_reason(level, event, fmt, ap);                        \
		va_end(ap);                                               \
	}

LEVEL_FUNCTION(log_error, LEVEL_ERROR)
LEVEL_FUNCTION(log_warning, LEVEL_WARNING)
LEVEL_FUNCTION(log_info, LEVEL_INFO)
LEVEL_FUNCTION(log_debug, LEVEL_DEBUG)
