/* entry: reads, writes and restores one file of the spool. */
#include <sys/stat.h>

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "spool/publish.h"
#include "tool/entry.h"

/* The daemon runs as another user and must be able to read it. */
#define ENTRY_MODE 0644

static int
look(const struct entry *e, int flags, struct stat *st)
{
	return fstatat(e->tool->spoolfd, e->file, st, flags);
}

int
entry_open(struct entry *e, const struct tool *t, const char *name,
    struct diag *d)
{
	struct stat st;

	*e = (struct entry) { .tool = t };
	name_to_file(e->file, name);
	buf_init(&e->old, RECORD_FILE_MAX);
	if (look(e, AT_SYMLINK_NOFOLLOW, &st) != 0) {
		if (errno == ENOENT)
			return 0;
		return diag_errno(d, "cannot look at %s", e->file);
	}
	e->existed = true;
	e->is_link = S_ISLNK(st.st_mode);
	e->mode = st.st_mode & 0777;
	if (file_read_shared(t->spoolfd, e->file, &e->old, &st, d) == -1) {
		buf_free(&e->old);
		return diag_prefix(d, "cannot keep what is in the spool, to "
		    "put it back if need be");
	}
	stamp_of(&e->stamp, &st);
	return 0;
}

void
entry_close(struct entry *e)
{
	buf_free(&e->old);
}

bool
entry_says(const struct entry *e, const struct record *r)
{
	struct record old;
	bool same;

	memset(&old, 0, sizeof(old));
	if (!e->existed || e->old.data == NULL || record_parse(&old,
	    e->old.data, e->old.len, e->file, NULL) != 0)
		return false;
	same = record_equal(&old, r);
	record_clear(&old);
	return same;
}

static int
publish(const struct entry *e, const void *text, size_t len, mode_t mode,
    struct diag *d)
{
	if (publish_file(e->tool->spoolfd, e->file, text, len, mode, 0,
	    d) == -1) {
		struct diag remedy;

		tool_remedy(e->tool, errno, &remedy);
		strlcat(d->text, remedy.text, sizeof(d->text));
		return -1;
	}
	return 0;
}

/* Ours, unless another writer was quicker than this look. */
static int
take_stamp(struct entry *e, const struct buf *text, struct diag *d)
{
	struct buf now;
	struct stat st;
	int result;

	buf_init(&now, RECORD_FILE_MAX);
	result = file_read_shared(e->tool->spoolfd, e->file, &now, &st, d);
	e->raced = result == 0 ? now.len != text->len ||
	    memcmp(now.data, text->data, now.len) != 0 : errno == ENOENT;
	if (e->raced)
		result = diag_set(d, "somebody else changed %s at the same "
		    "time; what they wrote stays", e->file);
	if (result == 0)
		stamp_of(&e->stamp, &st);
	buf_free(&now);
	return result;
}

int
entry_write(struct entry *e, const struct record *r, struct diag *d)
{
	struct buf text;
	int result;

	if (e->is_link)
		return diag_set(d, "%s in %s is a symbolic link; change the "
		    "file that it leads to, or remove it first", e->file,
		    e->tool->places.spool);
	buf_init(&text, RECORD_FILE_MAX);
	result = record_format(r, &text, d);
	if (result == 0)
		result = publish(e, text.data, text.len, ENTRY_MODE, d);
	if (result == 0)
		result = take_stamp(e, &text, d);
	buf_free(&text);
	return result;
}

bool
entry_current(const struct entry *e)
{
	struct stamp now;
	struct stat st;

	if (look(e, 0, &st) != 0)
		return false;
	stamp_of(&now, &st);
	return now.ino == e->stamp.ino && now.mtime == e->stamp.mtime;
}

bool
entry_adopt(struct entry *e, const char *name, const struct record *r)
{
	struct entry now;
	bool same = false;

	if (entry_open(&now, e->tool, name, NULL) == 0)
		same = entry_says(&now, r);
	if (same)
		e->stamp = now.stamp;
	entry_close(&now);
	return same;
}

int
entry_restore(const struct entry *e, struct diag *d)
{
	if (!entry_current(e))
		return 0;
	if (!e->existed)
		return publish_remove(e->tool->spoolfd, e->file, d) == -1 ?
		    -1 : 1;
	return publish(e, e->old.len > 0 ? e->old.data : "", e->old.len,
	    e->mode, d) == -1 ? -1 : 1;
}
