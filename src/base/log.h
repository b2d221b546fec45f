/*
 * log: one line per event, "key=value", to stderr or syslog.  Values with
 * blanks are quoted, bytes that are not printable are escaped; errno is kept.
 * Safe from any thread: a line leaves in one write.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 2048

enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };
extern const char *const log_level_names[]; /* NULL at the end */

/* Where lines go: stderr (with the time before them), or syslog's daemon. */
void log_open(bool to_syslog, const char *ident);
void log_set_level(enum log_level level);
bool log_on(enum log_level level);

/*
 * A line under construction, on the caller's stack:
 *	log_begin(&l, LEVEL_INFO, "connected");
 *	log_str(&l, "client", peer);
 *	log_end(&l);
 * A line below the level costs a comparison.
 */
struct log_line {
	bool on;
	enum log_level level;
	size_t len;
	char text[LOG_LINE_MAX];
};

void log_begin(struct log_line *l, enum log_level level, const char *event);
void log_str(struct log_line *l, const char *key, const char *value);
void log_bytes(struct log_line *l, const char *key, const void *p, size_t len);
void log_num(struct log_line *l, const char *key, uint64_t value);
void log_end(struct log_line *l);

/* The common case in one call: event and reason="...". */
void log_error(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_warning(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_info(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_debug(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
