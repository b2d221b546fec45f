/* signals: a signalfd, so nothing happens between two instructions. */
#include <sys/signalfd.h>

#include <stddef.h>
#include <unistd.h>

#include "tool/signals.h"

/*
 * A signal that is ignored (nohup, a background job of a script) must stay
 * so, but a signalfd would see it.
 */
static void
add_unless_ignored(sigset_t *set, int number)
{
	struct sigaction sa;

	if (sigaction(number, NULL, &sa) == 0 && sa.sa_handler != SIG_IGN)
		sigaddset(set, number);
}

void
signals_hold(struct signals *s, const int *more)
{
	static const int usual[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0 };
	sigset_t set;

	sigemptyset(&set);
	for (const int *n = usual; *n != 0; n++)
		add_unless_ignored(&set, *n);
	/* SIGWINCH and the like are ignored by default, but asked for. */
	for (const int *n = more; n != NULL && *n != 0; n++)
		sigaddset(&set, *n);
	s->caught = 0;
	sigprocmask(SIG_BLOCK, &set, &s->old);
	s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int
signals_take(struct signals *s)
{
	struct signalfd_siginfo info;

	if (s->fd == -1 || read(s->fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	s->caught = (int)info.ssi_signo;
	return s->caught;
}

void
signals_release(struct signals *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	if (s->caught != 0)
		raise(s->caught); /* pending until the mask is back */
	sigprocmask(SIG_SETMASK, &s->old, NULL);
}
