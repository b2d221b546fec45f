/*
 * A registry, a view made by hand and a directory of images for the tests of
 * the registry.
 */
#ifndef T_EXPORT_SPOOL_H
#define T_EXPORT_SPOOL_H

#include <sys/stat.h>

#include <bsd/string.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/registry.h"
#include "unit.h"

#define SPOOL_MAX 16384
#define IMAGE_SIZE 65536

static char root[64];
static struct registry *reg;
static struct view_entry *entries[SPOOL_MAX];
static struct view view;
static char kicks[4][NAME_SIZE];
static uint64_t versions; /* of files of the spool: inode and mtime */
static atomic_uint idled;
static struct changes changes; /* of the last apply */
static struct peer local = { .is_unix = true };

static char *
at(const char *name)
{
	static _Thread_local char text[8][256];
	static _Thread_local unsigned turn;
	char *p = text[turn++ % 8];

	snprintf(p, sizeof text[0], "%s/%s", root, name);
	return p;
}

/* A new file of the name, by rename: another inode, its bytes all c. */
static void
image(const char *name, char c, size_t size)
{
	char *bytes = malloc(size);
	int fd = open(at(".new"), O_CREAT | O_TRUNC | O_WRONLY, 0644);

	memset(bytes, c, size);
	if (fd == -1 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	close(fd);
	free(bytes);
	if (rename(at(".new"), at(name)) == -1)
		abort();
}

static void
on_idle(void *arg)
{
	(void)arg;
	atomic_fetch_add(&idled, 1);
}

static void
begin_with(bool probe, struct stats *stats)
{
	struct registry_options o = { .probe = probe };

	strcpy(root, "/tmp/nbdmux-export-reg-XXXXXX");
	if (mkdtemp(root) == NULL)
		abort();
	idled = 0;
	view = (struct view){ .entries = entries, .kick = kicks };
	reg = registry_new(&o, stats, on_idle, NULL, NULL);
}

static void
begin(void)
{
	begin_with(false, NULL);
}

static void
entry_free(struct view_entry *e)
{
	record_clear(&e->record);
	free(e->error);
	free(e);
}

static size_t
place(const char *name)
{
	size_t i = 0;

	while (i < view.count && strcmp(entries[i]->name, name) < 0)
		i++;
	return i;
}

static void
drop(const char *name)
{
	size_t i = place(name);

	if (i == view.count || strcmp(entries[i]->name, name) != 0)
		return;
	entry_free(entries[i]);
	memmove(&entries[i], &entries[i + 1],
	    (--view.count - i) * sizeof entries[0]);
}

/* A new version of NAME.ini, without a content yet. */
static struct view_entry *
put(const char *name)
{
	struct view_entry *e = calloc(1, sizeof *e);
	size_t i;

	drop(name);
	i = place(name);
	memmove(&entries[i + 1], &entries[i],
	    (view.count++ - i) * sizeof entries[0]);
	entries[i] = e;
	strlcpy(e->name, name, sizeof e->name);
	e->stamp.ino = e->stamp.mtime = ++versions;
	record_init(&e->record);
	return e;
}

/* The export name with the image of that name in the directory. */
static struct record *
serve(const char *name, const char *file)
{
	struct record *r = &put(name)->record;

	r->image = strdup(at(file));
	return r;
}

static void
spoil(const char *name, const char *error)
{
	struct view_entry *e = put(name);

	record_clear(&e->record);
	e->bad = true;
	e->error = strdup(error);
}

static void
kick(const char *name)
{
	strlcpy(kicks[view.nkick++], name, NAME_SIZE);
}

static size_t
apply(void)
{
	struct diag d = { "" };

	changes_free(&changes);
	if (registry_apply(reg, &view, &changes, &d) == -1) {
		printf("# %s\n", d.text);
		unit_bad++;
	}
	return changes.count;
}

/* What the last apply said about a name; NULL: nothing. */
static const struct change *
said(const char *name)
{
	size_t i;

	for (i = 0; i < changes.count; i++)
		if (strcmp(changes.list[i].name, name) == 0)
			return &changes.list[i];
	return NULL;
}

static bool
said_kind(const char *name, enum change_kind kind)
{
	const struct change *c = said(name);

	if (c != NULL && c->kind != kind)
		printf("# %s: change %d\n", name, (int)c->kind);
	return c != NULL && c->kind == kind;
}

static struct generation *
join(const char *name)
{
	struct generation *g;
	struct diag d = { "" };

	if (registry_acquire(reg, name, strlen(name), &local, true, &g, &d) ==
	    REFUSE_NOT)
		return g;
	printf("# %s: %s\n", name, d.text);
	return NULL;
}

static enum refusal
refusal(const char *name, const struct peer *p, bool joining)
{
	struct generation *g;
	enum refusal why;

	why = registry_acquire(reg, name, strlen(name), p, joining, &g, NULL);
	if (why == REFUSE_NOT && joining)
		registry_leave(g);
	else if (why == REFUSE_NOT)
		generation_unref(g);
	return why;
}

/* The first byte of what a generation serves. */
static int
first_byte(struct generation *g)
{
	unsigned char c;
	struct io io = { .op = IO_READ, .length = 1, .data = &c };

	if (backend_submit(g->backend, &io) == IO_BLOCK)
		backend_work(g->backend, &io);
	return io.error == 0 ? c : -1;
}

static void
end(void)
{
	char cmd[128];

	registry_free(reg);
	changes_free(&changes);
	while (view.count > 0)
		entry_free(entries[--view.count]);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", root);
	if (system(cmd) != 0)
		abort();
}

#endif
