/* tool: errors, the spool directory, and the end of a program. */
#include <sys/stat.h>

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/cell.h"
#include "tool/tool.h"

void
tool_init(struct tool *t, const char *program)
{
	memset(t, 0, sizeof(*t));
	t->program = program;
	places_init(&t->places);
	t->spoolfd = -1;
}

void
tool_close(struct tool *t)
{
	if (t->spoolfd != -1)
		close(t->spoolfd);
	t->spoolfd = -1;
}

static void
vsay(const struct tool *t, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
vsay(const struct tool *t, const char *fmt, va_list ap)
{
	char raw[2 * DIAG_MAX], line[4 * DIAG_MAX];

	vsnprintf(raw, sizeof(raw), fmt, ap);
	cell_escape(line, sizeof(line), raw);
	fflush(stdout); /* in order, when both go to one place */
	fprintf(stderr, "%s: %s\n", t->program, line);
}

void
tool_say(const struct tool *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(t, fmt, ap);
	va_end(ap);
}

int
tool_fail(const struct tool *t, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(t, fmt, ap);
	va_end(ap);
	return status;
}

/* --- the spool ------------------------------------------------------------ */

void
tool_remedy(const struct tool *t, int error, struct diag *d)
{
	struct stat st;
	struct group *gr;

	d->text[0] = '\0';
	if (error == EROFS) {
		diag_set(d, "; it is on a read-only file system");
		return;
	}
	if (error != EACCES && error != EPERM)
		return;
	if (stat(t->places.spool, &st) == 0 && (st.st_mode & S_IWGRP) &&
	    st.st_gid != 0 && (gr = getgrgid(st.st_gid)) != NULL)
		diag_set(d, t->who != NULL ? "; make the web server's user a "
		    "member of the group '%s'" : "; run it with sudo, or as a "
		    "member of the group '%s'", gr->gr_name);
	else if (t->who != NULL)
		diag_set(d, "; its group is to have the right to write, and the "
		    "web server's user to be in it");
	else
		diag_set(d,
		    "; run it with sudo, or name another spool with -s");
}

static int
spool_error(const struct tool *t, const char *what, struct diag *d)
{
	int error = errno;
	struct diag remedy;

	if (error == ENOENT)
		return diag_set(d, "the spool directory %s does not exist; "
		    "create it (mkdir -p), or name another with -s or "
		    "NBDMUX_SPOOL", t->places.spool);
	if (error == ENOTDIR)
		return diag_set(d, "the spool %s is not a directory; name one "
		    "with -s or NBDMUX_SPOOL", t->places.spool);
	tool_remedy(t, error, &remedy);
	return diag_set(d, "cannot %s the spool directory %s: %s%s", what,
	    t->places.spool, strerror(error), remedy.text);
}

int
tool_open_spool(struct tool *t, bool writing, struct diag *d)
{
	t->spoolfd = open(t->places.spool,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->spoolfd == -1)
		return spool_error(t, "open", d);
	if (writing && faccessat(t->spoolfd, ".", W_OK | X_OK, AT_EACCESS) != 0)
		return spool_error(t, "write in", d);
	return 0;
}

/* --- the end -------------------------------------------------------------- */

int
tool_finish(const struct tool *t, int status)
{
	bool bad = ferror(stdout) != 0;

	errno = 0;
	if (fclose(stdout) == 0 && !bad)
		return status;
	if (errno == EPIPE)
		return status;
	return tool_fail(t, TOOL_FAILED, "cannot write the output: %s",
	    errno != 0 ? strerror(errno) : "write error");
}

int
tool_seconds(const char *text, double *seconds, struct diag *d)
{
	static const struct {
		const char *suffix;
		double factor;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	char *end;
	double value = strtod(text, &end);
	bool number = strspn(text, "0123456789.") > 0; /* not "nan", "-1" */

	for (size_t i = 0; number && i < 4; i++)
		if (strcmp(end, units[i].suffix) == 0 &&
		    value * units[i].factor <= 1e9) {
			*seconds = value * units[i].factor;
			return 0;
		}
	return diag_set(d, "\"%s\" is not a time; use seconds, as in 5, 0.5, "
	    "or 2m", text);
}
