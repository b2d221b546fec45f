/* state: the keys of the state files, and text <-> struct <-> file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/text.h"
#include "spool/names.h"
#include "spool/config.h"
#include "spool/places.h"
#include "spool/publish.h"
#include "spool/record.h"
#include "spool/state.h"

#define EXPORT_SECTION "state"
#define DAEMON_SECTION "daemon"
#define STATE_FILE_MAX (64 * 1024)
#define STATE_MODE 0644

const char *const status_names[] = { "ready", "failed", "draining", "queued",
	"fetching", "decompressing", NULL };

/* The first line of a file, so it is seen before keys that are not known. */
static int
check_format(const char *value, struct diag *d)
{
	if (strtoull(value, NULL, 10) != STATE_FORMAT)
		return diag_set(d, "the state has format %s and this program "
		    "reads format %d; use the programs of the daemon's "
		    "version", value, STATE_FORMAT);
	return 0;
}

#define AT(member) .offset = offsetof(struct state_export, member)

const struct key state_export_keys[] = {
	{ .name = "format", .type = KEY_COUNT, AT(format),
	    .check = check_format, .flags = KEY_REQUIRED,
	    .help = "version of this format" },
	{ .name = "status", .type = KEY_ENUM, AT(status),
	    .choices = status_names, .flags = KEY_REQUIRED,
	    .help = "what the export is doing" },
	{ .name = "error", .type = KEY_STRING, AT(error),
	    .help = "why it failed, or why the newest text is not served" },
	{ .name = "builtin", .type = KEY_BOOL, AT(builtin),
	    .help = "not from the spool" },
	{ .name = "image", .type = KEY_STRING, AT(image),
	    .help = "what is served" },
	{ .name = "description", .type = KEY_STRING, AT(description),
	    .help = "what clients are told about it" },
	{ .name = "mode", .type = KEY_ENUM, AT(mode), .value = "ro",
	    .choices = mode_names, .help = "what clients may do" },
	{ .name = "tls", .type = KEY_ENUM, AT(tls), .value = "optional",
	    .choices = record_tls_names, .help = "whether they must encrypt" },
	{ .name = "size", .type = KEY_COUNT, AT(size),
	    .help = "bytes that clients see" },
	{ .name = "generation", .type = KEY_COUNT, AT(generation),
	    .help = "number of the content that new clients get" },
	{ .name = "spool-ino", .type = KEY_COUNT, AT(spool_ino),
	    .help = "inode of the spool file that this answers" },
	{ .name = "spool-mtime", .type = KEY_COUNT, AT(spool_mtime),
	    .help = "its modification time, ns since the epoch" },
	{ .name = "since", .type = KEY_COUNT, AT(since),
	    .help = "when the generation was made, s since the epoch" },
	{ 0 }
};

#undef AT
#define AT(member) .offset = offsetof(struct state_daemon, member)

const struct key state_daemon_keys[] = {
	{ .name = "format", .type = KEY_COUNT, AT(format),
	    .check = check_format, .flags = KEY_REQUIRED,
	    .help = "version of this format" },
	{ .name = "pid", .type = KEY_COUNT, AT(pid), .flags = KEY_REQUIRED,
	    .help = "process ID of the daemon" },
	{ .name = "started", .type = KEY_COUNT, AT(started),
	    .help = "when it was started, s since the epoch" },
	{ .name = "version", .type = KEY_STRING, AT(version),
	    .help = "its version" },
	{ .name = "spool", .type = KEY_STRING, AT(spool),
	    .help = "its spool directory" },
	{ .name = "listen", .type = KEY_LIST, AT(listen),
	    .help = "the addresses that are bound" },
	{ .name = "tls", .type = KEY_ENUM, AT(tls), .value = "off",
	    .choices = config_tls_names,
	    .help = "whether clients may, or must, encrypt" },
	{ .name = "error", .type = KEY_STRING, AT(error),
	    .help = "why the spool cannot be read" },
	{ 0 }
};

void
state_export_clear(struct state_export *s)
{
	keys_clear(state_export_keys, s);
}

void
state_daemon_clear(struct state_daemon *s)
{
	keys_clear(state_daemon_keys, s);
}

static int
state_read(int dirfd, const char *file, const struct key *keys,
    const char *section, void *s, struct diag *d)
{
	struct buf b;
	int rc;

	if (keys_init(keys, s, d) == -1)
		return -1;
	buf_init(&b, STATE_FILE_MAX);
	rc = file_read(dirfd, file, true, &b, NULL, d);
	if (rc == -1 && errno == ENOENT)
		rc = 0;
	else if (rc == 0)
		rc = keys_parse(keys, s, section, b.len > 0 ? b.data : "",
		    b.len, file, d) == -1 ? -1 : 1;
	buf_free(&b);
	return rc;
}

int
state_read_export(int exportsfd, const char *name, struct state_export *s,
    struct diag *d)
{
	char file[NAME_FILE_SIZE];

	memset(s, 0, sizeof(*s));
	name_to_file(file, name);
	return state_read(exportsfd, file, state_export_keys, EXPORT_SECTION,
	    s, d);
}

int
state_read_daemon(int statefd, struct state_daemon *s, struct diag *d)
{
	memset(s, 0, sizeof(*s));
	return state_read(statefd, STATE_DAEMON, state_daemon_keys,
	    DAEMON_SECTION, s, d);
}

static bool
file_is(int dirfd, const char *file, const struct buf *want)
{
	struct buf b;
	bool same;

	buf_init(&b, STATE_FILE_MAX);
	same = file_read(dirfd, file, true, &b, NULL, NULL) == 0 &&
	    b.len == want->len &&
	    (b.len == 0 || memcmp(b.data, want->data, b.len) == 0);
	buf_free(&b);
	return same;
}

static int
state_write(int dirfd, const char *file, const struct key *keys,
    const char *section, const void *s, struct diag *d)
{
	struct buf b;
	int rc = -1;

	buf_init(&b, STATE_FILE_MAX);
	if (keys_format(keys, s, section, &b, d) == -1)
		diag_prefix(d, "cannot write %s", file);
	else if (file_is(dirfd, file, &b))
		rc = 0;
	else if (publish_file(dirfd, file, b.data, b.len, STATE_MODE,
	    PUBLISH_VOLATILE, d) == 0)
		rc = 1;
	buf_free(&b);
	return rc;
}

/*
 * Reasons come from anywhere, and a state file that cannot be written would
 * leave nbdmux-add without an answer: what could not be read back is escaped.
 */
static const char *
printable(const char *error, char text[DIAG_MAX])
{
	size_t len;

	if (error == NULL || conf_value_check(error, NULL) == 0)
		return error;
	error += strspn(error, " \t");
	len = strlen(error);
	while (len > 0 && (error[len - 1] == ' ' || error[len - 1] == '\t'))
		len--;
	return text_escape(text, DIAG_MAX, error, len);
}

int
state_write_export(int exportsfd, const char *name,
    const struct state_export *s, struct diag *d)
{
	char file[NAME_FILE_SIZE], error[DIAG_MAX];
	struct state_export copy = *s; /* shallow: nothing of it is freed */

	name_to_file(file, name);
	copy.format = STATE_FORMAT;
	copy.error = (char *)printable(s->error, error);
	return state_write(exportsfd, file, state_export_keys, EXPORT_SECTION,
	    &copy, d);
}

int
state_write_daemon(int statefd, const struct state_daemon *s, struct diag *d)
{
	char error[DIAG_MAX];
	struct state_daemon copy = *s; /* shallow, as above */

	copy.format = STATE_FORMAT;
	copy.error = (char *)printable(s->error, error);
	return state_write(statefd, STATE_DAEMON, state_daemon_keys,
	    DAEMON_SECTION, &copy, d);
}

int
state_list(int exportsfd, char (**names)[NAME_SIZE], size_t *count,
    struct diag *d)
{
	struct names n = { 0 };
	struct names_wanted wanted = { ".ini", &n };

	*names = NULL;
	*count = 0;
	if (names_read(exportsfd, &wanted, 1, d) == -1) {
		names_free(&n);
		return -1;
	}
	*names = n.names;
	*count = n.count;
	return 0;
}
