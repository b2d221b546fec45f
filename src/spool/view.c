/*
 * view: reads the spool.  The names come first, in one pass; then both the
 * names and the old view are sorted, and one walk along them decides for each
 * file whether the old entry is still true.
 */
#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "spool/names.h"
#include "spool/view.h"

/* A file changed less than this ago may change again with the same times. */
#define RACY_NS (100 * CLOCK_MS)

_Static_assert(VIEW_MAX == NAMES_MAX, "names_read() keeps to the limit");

/* What one reading of the directory needs. */
struct reading {
	int dirfd;
	uint64_t now; /* ns since the epoch, before any file was looked at */
	struct buf text;
	struct view *view;
	size_t room; /* entries allocated */
};

static void
entry_unref(struct view_entry *e)
{
	if (e == NULL ||
	    atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
		return;
	record_clear(&e->record);
	free(e->error);
	free(e);
}

void
view_free(struct view *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < v->count; i++)
		entry_unref(v->entries[i]);
	free(v->entries);
	free(v->kick);
	free(v);
}

static int
compare_entry(const void *name, const void *entry)
{
	return strcmp(name, (*(struct view_entry *const *)entry)->name);
}

const struct view_entry *
view_find(const struct view *v, const char *name)
{
	struct view_entry **e;

	if (v->count == 0)
		return NULL;
	e = bsearch(name, v->entries, v->count, sizeof(*v->entries),
	    compare_entry);
	return e != NULL ? *e : NULL;
}

static int
no_memory(struct diag *d)
{
	errno = ENOMEM;
	return diag_errno(d, "cannot read the spool");
}

/* The entry now belongs to the view; NULL is an allocation that failed. */
static int
append(struct reading *r, struct view_entry *e, struct diag *d)
{
	struct view *v = r->view;
	struct view_entry **more;

	if (e == NULL)
		return no_memory(d);
	more = array_more(v->entries, v->count, &r->room, sizeof(*more));
	if (more == NULL) {
		entry_unref(e);
		return no_memory(d);
	}
	v->entries = more;
	v->entries[v->count++] = e;
	return 0;
}

static struct view_entry *
entry_new(const char *name, const struct stat *st)
{
	struct view_entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	atomic_init(&e->refs, 1);
	/* NOLINTNEXTLINE(*-unix.cstring.NullArg): every entry has one */
	strlcpy(e->name, name, sizeof(e->name));
	stamp_of(&e->stamp, st);
	return e;
}

static int
append_bad(struct reading *r, struct view_entry *e, const struct diag *why,
    struct diag *d)
{
	e->bad = true;
	e->error = strdup(why->text);
	if (e->error == NULL) {
		entry_unref(e);
		return no_memory(d);
	}
	return append(r, e, d);
}

static bool
is_racy(const struct reading *r, const struct stamp *s)
{
	uint64_t settled = r->now > RACY_NS ? r->now - RACY_NS : 0;

	return s->mtime > settled || s->ctime > settled;
}

/* Not the file's fault: no reason to call the export bad. */
static bool
is_our_fault(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* Nor is this, of a call that does not go beyond the directory. */
static bool
is_directory_fault(int error)
{
	return error == EACCES || error == EPERM || error == ESTALE ||
	    error == ENOTCONN || error == ENOTDIR;
}

/* The file cannot be read; st is the file's, or the dangling link's. */
static int
read_failed(struct reading *r, const char *name, const struct stat *st,
    const struct diag *why, struct diag *d)
{
	struct view_entry *e;

	if (is_our_fault(errno))
		return diag_set(d, "%s", why->text);
	e = entry_new(name, st);
	if (e == NULL)
		return no_memory(d);
	/* What is wrong may end without a trace in the file's stamp. */
	e->racy = true;
	return append_bad(r, e, why, d);
}

static int
read_entry(struct reading *r, const char *name, const char *file,
    const struct stat *seen, struct diag *d)
{
	struct view_entry *e;
	struct diag why;
	struct stat st;

	buf_reset(&r->text);
	if (file_read_shared(r->dirfd, file, &r->text, &st, &why) == -1) {
		if (errno == ENOENT)
			return 0;
		return read_failed(r, name, seen, &why, d);
	}
	e = entry_new(name, &st);
	if (e == NULL)
		return no_memory(d);
	e->racy = is_racy(r, &e->stamp);
	if (record_parse(&e->record, r->text.len > 0 ? r->text.data : "",
	    r->text.len, file, &why) == -1)
		return append_bad(r, e, &why, d);
	return append(r, e, d);
}

/* stat(2) failed: the file is gone, or it is a link that leads nowhere. */
static int
stat_failed(struct reading *r, const char *name, const char *file,
    struct diag *d)
{
	struct diag why;
	struct stat st;
	int saved = errno;

	if (fstatat(r->dirfd, file, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return 0;
		if (is_directory_fault(errno))
			return diag_errno(d, "cannot read %s", file);
		memset(&st, 0, sizeof(st));
	} else if (saved == ENOENT && !S_ISLNK(st.st_mode)) {
		/* It came back between the two calls. */
		return read_entry(r, name, file, &st, d);
	}
	errno = saved;
	if (saved == ENOENT)
		diag_set(&why, "cannot read %s: it is a link to a file that "
		    "does not exist", file);
	else
		diag_errno(&why, "cannot read %s", file);
	errno = saved;
	return read_failed(r, name, &st, &why, d);
}

/* One name: the old entry if it is still true, else the file. */
static int
take(struct reading *r, const char *name, struct view_entry *old,
    struct diag *d)
{
	char file[NAME_FILE_SIZE];
	struct stamp stamp;
	struct stat st;

	name_to_file(file, name);
	if (fstatat(r->dirfd, file, &st, 0) == -1)
		return stat_failed(r, name, file, d);
	stamp_of(&stamp, &st);
	if (old == NULL || old->racy || !stamp_equal(&stamp, &old->stamp))
		return read_entry(r, name, file, &st, d);
	atomic_fetch_add_explicit(&old->refs, 1, memory_order_relaxed);
	return append(r, old, d);
}

/*
 * Both lists are sorted.  A name of the old view that the directory did not
 * list is looked for all the same: while a file is renamed over another one,
 * some file systems (tmpfs) list neither.
 */
static int
merge(struct reading *r, const struct names *n, const struct view *old,
    struct diag *d)
{
	size_t i = 0, j = 0, count = old != NULL ? old->count : 0;
	int order;

	while (i < n->count || j < count) {
		order = i == n->count ? 1 : j == count ? -1 :
		    strcmp(n->names[i], old->entries[j]->name);
		if (take(r, order <= 0 ? n->names[i] : old->entries[j]->name,
		    order >= 0 ? old->entries[j] : NULL, d) == -1)
			return -1;
		i += order <= 0;
		j += order >= 0;
	}
	return 0;
}

static int
read_all(struct reading *r, const struct view *old, struct diag *d)
{
	struct names ini = { 0 }, kick = { 0 };
	struct names_wanted wanted[] = { { ".ini", &ini }, { ".kick", &kick } };
	int rc = -1;

	r->view = calloc(1, sizeof(*r->view));
	if (r->view == NULL)
		return no_memory(d);
	if (names_read(r->dirfd, wanted, 2, d) == -1)
		goto out;
	rc = merge(r, &ini, old, d);
	/* A directory removed meanwhile has no files: not the same as empty. */
	if (rc == 0)
		rc = names_exists(r->dirfd, d);
	r->view->kick = kick.names;
	r->view->nkick = kick.count;
	kick.names = NULL;
out:
	names_free(&ini);
	names_free(&kick);
	return rc;
}

/* What was read, or none of it. */
static int
finish(struct reading *r, int rc, struct view **out)
{
	buf_free(&r->text);
	if (rc == -1) {
		view_free(r->view);
		return -1;
	}
	*out = r->view;
	return 0;
}

static void
begin(struct reading *r, int dirfd, struct view **out)
{
	memset(r, 0, sizeof(*r));
	r->dirfd = dirfd;
	r->now = clock_now(CLOCK_REALTIME);
	buf_init(&r->text, RECORD_FILE_MAX);
	*out = NULL;
}

int
view_read(int dirfd, const struct view *old, struct view **out,
    struct diag *d)
{
	struct reading r;

	begin(&r, dirfd, out);
	return finish(&r, read_all(&r, old, d), out);
}

int
view_read_name(int dirfd, const char *name, struct view **out,
    struct diag *d)
{
	struct reading r;

	begin(&r, dirfd, out);
	r.view = calloc(1, sizeof(*r.view));
	return finish(&r, r.view == NULL ? no_memory(d) :
	    take(&r, name, NULL, d), out);
}
