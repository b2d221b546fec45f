/* convert: qemu-img, asked first what is in the image. */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "fetch/convert.h"
#include "fetch/head.h"
#include "fetch/sparse.h"

#define PROGRAM "qemu-img"
#define OUTPUT_MAX (1024 * 1024) /* bytes: snapshots and bitmaps are listed */
#define TICK 200 /* ms */

/* Its standard output or error goes to the pipe. */
static int
spawn(char *const argv[], int which, int *fd, pid_t *pid)
{
	extern char **environ;
	posix_spawn_file_actions_t actions;
	int fds[2], error;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
	    O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, which == STDOUT_FILENO ?
	    STDERR_FILENO : STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], which);
	error = posix_spawnp(pid, PROGRAM, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	*fd = fds[0];
	if (error != 0)
		close(fds[0]);
	return error;
}

/* Its output, until it ends or is to be ended. */
static enum convert_result
attend(const struct convert *c, int fd, struct buf *out, struct diag *d)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[4096];
	ssize_t n = 1;
	int room;

	while (n > 0) {
		if (*c->stop)
			return CONVERT_STOPPED;
		if (c->tick != NULL)
			c->tick(c->arg);
		room = open(c->to, O_RDONLY | O_CLOEXEC);
		if (room != -1 && sparse_room(room, 0, d) == -1) {
			close(room);
			return CONVERT_FULL;
		}
		if (room != -1)
			close(room);
		if (poll(&p, 1, TICK) <= 0)
			continue;
		n = read(fd, text, sizeof(text));
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n > 0 && buf_add(out, text, (size_t)n) == -1)
			out->max = out->len; /* with a gap it would say other things */
	}
	return CONVERT_DONE;
}

static enum convert_result
run(const struct convert *c, char *const argv[], int which, struct buf *out,
    struct diag *d)
{
	enum convert_result result;
	int fd = -1, status = 0, error;
	char shown[400];
	pid_t pid = 0;

	error = spawn(argv, which, &fd, &pid);
	if (error == ENOENT) {
		diag_set(d, "it is %s, and " PROGRAM ", which would convert "
		    "it, is not installed (Debian: qemu-utils)", c->driver);
		return CONVERT_REFUSED;
	}
	if (error != 0) {
		errno = error;
		diag_errno(d, "cannot run " PROGRAM);
		return CONVERT_FAILED;
	}
	result = attend(c, fd, out, d);
	close(fd);
	if (result != CONVERT_DONE)
		kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (result != CONVERT_DONE || (WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0))
		return result;
	text_escape(shown, sizeof(shown), out->len > 0 ? out->data : "",
	    out->len > 0 ? strcspn(out->data, "\n") : 0);
	diag_set(d, PROGRAM " cannot convert it: %s", shown[0] != '\0' ?
	    shown : "it gives no reason");
	return CONVERT_REFUSED;
}

/*
 * Whether a member of what "info --output=json" prints names another file than
 * own.  The extents of a VMDK image are files, and may be any.
 */
static bool
names_other(const json_t *value, const char *own)
{
	static const char *const keys[] = { "backing-filename",
		"full-backing-filename", "data-file" };
	const char *file = json_string_value(json_object_get(value,
	    "filename"));
	const char *key;
	const json_t *member;
	size_t i;

	if (file != NULL && strcmp(file, own) != 0)
		return true;
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (json_object_get(value, keys[i]) != NULL)
			return true;
	json_object_foreach((json_t *)value, key, member)
		if (names_other(member, own))
			return true;
	json_array_foreach(value, i, member)
		if (names_other(member, own))
			return true;
	return false;
}

static enum convert_result
judge(const struct convert *c, const struct buf *out, struct diag *d)
{
	json_t *info = out->len > 0 ? json_loadb(out->data, out->len, 0, NULL) :
	    NULL;
	enum convert_result result = CONVERT_REFUSED;

	if (json_object_get(info, "virtual-size") == NULL)
		diag_set(d, PROGRAM " does not say what is in it");
	else if (names_other(info, c->from))
		head_part(c->driver, d);
	else
		result = CONVERT_DONE;
	json_decref(info);
	return result;
}

static enum convert_result
inspect(const struct convert *c, struct diag *d)
{
	char *argv[] = { (char *)PROGRAM, (char *)"info", (char *)"-f",
		(char *)c->driver, (char *)"--output=json", (char *)c->from,
		NULL };
	enum convert_result result;
	struct buf out;

	buf_init(&out, OUTPUT_MAX);
	result = run(c, argv, STDOUT_FILENO, &out, d);
	if (result == CONVERT_REFUSED) {
		buf_reset(&out);
		result = run(c, argv, STDERR_FILENO, &out, d); /* why */
	} else if (result == CONVERT_DONE) {
		result = judge(c, &out, d);
	}
	buf_free(&out);
	return result;
}

enum convert_result
convert_run(const struct convert *c, struct diag *d)
{
	char *argv[] = { (char *)PROGRAM, (char *)"convert", (char *)"-f",
		(char *)c->driver, (char *)"-O", (char *)"raw",
		(char *)c->from, (char *)c->to, NULL };
	enum convert_result result = inspect(c, d);
	struct buf out;

	if (result != CONVERT_DONE)
		return result;
	buf_init(&out, OUTPUT_MAX);
	result = run(c, argv, STDERR_FILENO, &out, d);
	buf_free(&out);
	return result;
}
