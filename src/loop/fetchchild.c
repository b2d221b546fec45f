/*
 * fetchchild: one nbdmux-fetch.  It is a process of its own, so that neither
 * what servers send nor the libraries that take it apart are in the daemon.
 */
#include <sys/pidfd.h>
#include <sys/wait.h>

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/program.h"
#include "loop/fetchpriv.h"
#include "loop/server.h"

#define PROGRAM "nbdmux-fetch"
#define END_TRIES 100 /* of 50 ms, until it is killed */

/* The environment with the data directory that the daemon has settled on. */
static char **
make_environment(char *data)
{
	extern char **environ;
	size_t n = 0, kept = 0;
	char **env;

	while (environ != NULL && environ[n] != NULL)
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (env == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "NBDMUX_DATA=", 12) != 0)
			env[kept++] = environ[i];
	env[kept] = data;
	return env;
}

static int
spawn(pid_t *pid, const char *path, char **argv, char **env)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, standard;
	int error;

	sigemptyset(&none);
	sigfillset(&standard);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
	    POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &standard);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
	    O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
	    O_WRONLY, 0);
	error = posix_spawn(pid, path, &actions, &attr, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return error;
}

int
child_start(struct job_fetch *j, const struct server *s, struct diag *d)
{
	const struct places *p = s->places;
	char path[PATH_MAX], data[PATH_MAX + 16];
	char *argv[] = { (char *)PROGRAM, (char *)"--job", (char *)"-s",
		(char *)p->spool, (char *)"-S", (char *)p->state,
		(char *)j->name, NULL, NULL, NULL };
	char **env;
	int error;

	if (program_find(path, PROGRAM, d) == -1)
		return diag_prefix(d, "nothing here fetches images (it is "
		    "built where libcurl, libarchive, nettle and jansson are)");
	if (p->conf_given) {
		argv[6] = (char *)"-C";
		argv[7] = (char *)p->conf;
		argv[8] = j->name;
	}
	snprintf(data, sizeof(data), "NBDMUX_DATA=%s", p->data);
	env = make_environment(data);
	error = env != NULL ? spawn(&j->pid, path, argv, env) : ENOMEM;
	free(env);
	if (error != 0) {
		errno = error;
		return diag_errno(d, "cannot run %s", path);
	}
	j->pidfd = pidfd_open(j->pid, 0); /* -1: the next look sees its end */
	return 0;
}

bool
child_ended(struct job_fetch *j, int *status)
{
	pid_t pid = waitpid(j->pid, status, WNOHANG);

	if (pid == 0 || (pid == -1 && errno == EINTR))
		return false;
	if (pid == -1)
		*status = 0xff00; /* somebody else has had its status */
	if (j->pidfd != -1)
		close(j->pidfd);
	j->pidfd = -1;
	j->pid = 0;
	return true;
}

void
child_stop(const struct job_fetch *j)
{
	kill(j->pid, SIGTERM);
}

void
child_end(struct job_fetch *j)
{
	struct timespec tick = { .tv_nsec = 50000000 };
	int status;

	for (int i = 0; i < END_TRIES; i++) {
		if (child_ended(j, &status))
			return;
		nanosleep(&tick, NULL);
	}
	kill(j->pid, SIGKILL);
	waitpid(j->pid, &status, 0);
	if (j->pidfd != -1)
		close(j->pidfd);
}
