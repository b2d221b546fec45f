/* runfetch: what it prints as its result is not wanted, its errors are. */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/program.h"
#include "tool/runfetch.h"

#define PROGRAM "nbdmux-fetch"

struct child {
	char path[PATH_MAX];
	char *argv[10 + RUNFETCH_MORE];
	pid_t pid;
	int errors; /* the end of a pipe that it says its errors to, or -1 */
};

static void
set_argv(struct child *c, const struct tool *t, const char *const *more,
    const char *name)
{
	const struct places *p = &t->places;
	const char *fixed[] = { PROGRAM, "-s", p->spool, "-S", p->state };
	size_t n = 0;

	for (; n < sizeof(fixed) / sizeof(*fixed); n++)
		c->argv[n] = (char *)fixed[n];
	if (p->conf_given) {
		c->argv[n++] = (char *)"-C";
		c->argv[n++] = (char *)p->conf;
	}
	for (size_t i = 0; i < RUNFETCH_MORE && more[i] != NULL; i++)
		c->argv[n++] = (char *)more[i];
	c->argv[n++] = (char *)name;
	c->argv[n] = NULL;
}

static int
spawn(struct child *c, const sigset_t *mask, int errors)
{
	extern char **environ;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int error;

	posix_spawnattr_init(&attr);
	if (mask != NULL) {
		posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
		posix_spawnattr_setsigmask(&attr, mask);
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
	    O_WRONLY, 0);
	if (errors != -1)
		posix_spawn_file_actions_adddup2(&actions, errors,
		    STDERR_FILENO);
	error = posix_spawn(&c->pid, c->path, &actions, &attr, c->argv,
	    environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return error;
}

/* Until it closes it; the first line is kept. */
static void
listen_to(int fd, struct diag *said)
{
	static const char own[] = PROGRAM ": ";
	char text[DIAG_MAX] = "", rest[512];
	size_t len = 0;
	ssize_t n;

	while ((n = len < sizeof(text) - 1 ?
	    read(fd, text + len, sizeof(text) - 1 - len) :
	    read(fd, rest, sizeof(rest))) > 0 || (n == -1 && errno == EINTR))
		if (n > 0 && len < sizeof(text) - 1)
			len += (size_t)n;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	diag_set(said, "%s", text + (strncmp(text, own, strlen(own)) == 0 ?
	    strlen(own) : 0));
}

static int
start(struct child *c, const sigset_t *mask, bool listen, struct diag *d)
{
	int pipes[2] = { -1, -1 }, error;

	c->errors = -1;
	if (listen && pipe2(pipes, O_CLOEXEC) == -1)
		return diag_errno(d, "cannot run %s", c->path);
	fflush(stdout);
	error = spawn(c, mask, pipes[1]);
	c->errors = pipes[0];
	if (listen)
		close(pipes[1]);
	if (error == 0)
		return 0;
	if (listen)
		close(pipes[0]);
	errno = error;
	return diag_errno(d, "cannot run %s", c->path);
}

int
runfetch(const struct tool *t, const char *const *more, const char *name,
    const sigset_t *mask, struct diag *said, struct diag *d)
{
	struct child c;
	int status;

	if (program_find(c.path, PROGRAM, d) == -1)
		return -1;
	set_argv(&c, t, more, name);
	if (start(&c, mask, said != NULL, d) == -1)
		return -1;
	if (said != NULL) {
		listen_to(c.errors, said);
		close(c.errors);
	}
	while (waitpid(c.pid, &status, 0) == -1)
		if (errno != EINTR)
			return diag_errno(d, "cannot wait for %s", PROGRAM);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return diag_set(d, "%s was ended by signal %d", PROGRAM,
	    WTERMSIG(status));
}
