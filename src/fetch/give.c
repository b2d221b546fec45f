/* give: the file is opened before we become somebody who may not read it. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "fetch/boot.h"
#include "fetch/give.h"
#include "tool/source.h"

static int
open_file(const char *path, const struct settings_fetch *s, struct diag *d)
{
	struct stat st;
	int fd = file_open_regular(AT_FDCWD, path, false, &st, d);

	if (fd == -1)
		return -1;
	if (!source_within(s->image_dirs, path))
		diag_set(d, "%s is in none of the directories that images "
		    "must be in (image-dirs)", path);
	else
		return fd;
	close(fd);
	return -1;
}

static bool
exists(const struct tool *t, const char *name)
{
	char file[NAME_FILE_SIZE];

	name_to_file(file, name);
	return faccessat(t->spoolfd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
publish(struct tool *t, const struct give *g, const char *path, int fd)
{
	struct boot b = { .tool = t, .name = g->name, .fd = fd,
		.stop = g->stop, .mark = { .ref = path } };
	enum boot_result result;
	struct diag d;

	result = g->check ? boot_check(&b, &d) : boot_publish(&b, &d);
	if (result == BOOT_FAILED)
		return tool_fail(t, TOOL_FAILED, "cannot publish %s: %s", path,
		    d.text);
	if (result == BOOT_DONE && !g->check)
		boot_tell(&b, NULL);
	if (result == BOOT_DONE || !g->quiet)
		printf("%s %s\n", result == BOOT_DONE ? "published" :
		    "unchanged", g->name);
	return TOOL_OK;
}

static int
run(struct tool *t, const struct give *g, const struct settings_fetch *s,
    const char *path)
{
	struct diag d;
	int fd, status;

	if (name_check(g->name, &d) == -1)
		return tool_fail(t, TOOL_USAGE, "%s", d.text);
	fd = open_file(path, s, &d);
	if (fd == -1)
		return tool_fail(t, TOOL_FAILED, "cannot publish it: %s",
		    d.text);
	if (stage_prepare(t, false, &d) == -1)
		status = tool_fail(t, TOOL_FAILED, "cannot publish %s: %s",
		    path, d.text);
	else if (!g->check && !exists(t, g->name))
		status = tool_fail(t, TOOL_ABSENT, "cannot publish %s: there "
		    "is no export %s", path, g->name);
	else
		status = publish(t, g, path, fd);
	close(fd);
	return status;
}

int
give_run(struct tool *t, const struct give *g, const struct settings_fetch *s)
{
	char shown[PATH_MAX], *path;
	struct diag d;
	int status;

	path = source_absolute(g->file, &d);
	if (path == NULL)
		return tool_fail(t, TOOL_FAILED, "cannot publish it: %s",
		    d.text);
	/* It stands in a line of the mark. */
	if (strcmp(text_escape(shown, sizeof(shown), path, strlen(path)),
	    path) != 0)
		status = tool_fail(t, TOOL_FAILED, "cannot publish \"%s\": "
		    "give it a name without control characters", shown);
	else
		status = run(t, g, s, path);
	free(path);
	return status;
}
