/* server: opens the state directory and asks who lives there. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tool/server.h"

/* A daemon of another spool would never answer us. */
static int
same_spool(const struct server *s, const struct tool *t, struct diag *d)
{
	struct stat ours, its;

	if (s->state.spool == NULL || stat(t->places.spool, &ours) != 0 ||
	    stat(s->state.spool, &its) != 0)
		return 0;
	if (ours.st_dev == its.st_dev && ours.st_ino == its.st_ino)
		return 0;
	return diag_set(d, "the daemon of %s (pid %ld) serves the spool %s, "
	    "not %s; name both with -s and -S", t->places.state, s->pid,
	    s->state.spool, t->places.spool);
}

static int
open_exports(struct server *s, const struct tool *t, struct diag *d)
{
	s->exportsfd = openat(s->statefd, STATE_EXPORTS,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->exportsfd == -1 && errno != ENOENT)
		return diag_errno(d, "cannot read the state in %s/%s",
		    t->places.state, STATE_EXPORTS);
	return 0;
}

int
server_open(struct server *s, const struct tool *t, struct diag *d)
{
	*s = (struct server) { .statefd = -1, .exportsfd = -1 };
	s->statefd = open(t->places.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->statefd == -1 && errno == ENOENT)
		return 0;
	if (s->statefd == -1)
		return diag_errno(d, "cannot read the daemon's state in %s",
		    t->places.state);
	if ((s->pid = state_alive(s->statefd)) == 0)
		return 0;
	if (state_read_daemon(s->statefd, &s->state, d) == -1 ||
	    same_spool(s, t, d) == -1 || open_exports(s, t, d) == -1) {
		server_close(s);
		return -1;
	}
	return 0;
}

void
server_close(struct server *s)
{
	if (s->exportsfd != -1)
		close(s->exportsfd);
	if (s->statefd != -1)
		close(s->statefd);
	state_daemon_clear(&s->state);
	*s = (struct server) { .statefd = -1, .exportsfd = -1 };
}

void
server_doubt(const struct server *s, struct diag *d)
{
	d->text[0] = '\0';
	if (s->state.error != NULL)
		diag_set(d, "; it says: %s", s->state.error);
}
