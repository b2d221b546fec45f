/* screen: escape sequences that every terminal of today knows. */
#include <sys/ioctl.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool/screen.h"

/* The other screen, no cursor, and long lines are cut instead of wrapped. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

static void
measure(struct screen *s)
{
	struct winsize w;

	s->rows = 24;
	s->columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 &&
	    w.ws_col > 0) {
		s->rows = w.ws_row;
		s->columns = w.ws_col;
	}
}

static void
enter(struct screen *s)
{
	struct termios t = s->old;

	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	if (s->keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &t);
	fputs(ENTER, stdout);
	fflush(stdout);
	measure(s);
}

static void
leave(struct screen *s)
{
	fputs(LEAVE, stdout);
	fflush(stdout);
	if (s->keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &s->old);
}

int
screen_begin(struct screen *s, struct diag *d)
{
	static const int more[] = { SIGWINCH, SIGTSTP, 0 };

	if (!isatty(STDOUT_FILENO))
		return diag_set(d, "standard output is not a terminal, so "
		    "there is nothing to draw on; leave -w out");
	/* In the background a terminal's settings are not ours to change. */
	s->keys = isatty(STDIN_FILENO) &&
	    tcgetpgrp(STDIN_FILENO) == getpgrp() &&
	    tcgetattr(STDIN_FILENO, &s->old) == 0;
	signals_hold(&s->signals, more);
	enter(s);
	return 0;
}

void
screen_draw(const struct screen *s, const char *text)
{
	size_t row = 0;

	fputs("\033[H", stdout);
	for (; *text != '\0' && row < s->rows; row++) {
		size_t len = strcspn(text, "\n");

		/* A newline after the last row would scroll, and clearing
		 * after a whole line would take its last character. */
		printf("%s\033[K%.*s", row > 0 ? "\r\n" : "", (int)len, text);
		text += len + (text[len] == '\n');
	}
	if (row < s->rows)
		fputs("\r\n\033[J", stdout);
	fflush(stdout);
}

/* Ctrl-Z: the shell gets its terminal as it was, and we get it back later. */
static void
stop(struct screen *s)
{
	leave(s);
	raise(SIGSTOP);
	enter(s);
}

/* Whether the signal that waits, if any, lets us go on. */
static enum screen_verdict
on_signal(struct screen *s)
{
	switch (signals_take(&s->signals)) {
	case 0:
		return SCREEN_DRAW;
	case SIGWINCH:
		measure(s);
		break;
	case SIGTSTP:
		stop(s);
		break;
	case SIGINT:
		s->signals.caught = 0;
		return SCREEN_END;
	default:
		return SCREEN_END;
	}
	s->signals.caught = 0;
	return SCREEN_DRAW;
}

enum screen_verdict
screen_wait(struct screen *s, double seconds)
{
	struct pollfd p[] = {
		{ .fd = s->signals.fd, .events = POLLIN },
		{ .fd = s->keys ? STDIN_FILENO : -1, .events = POLLIN },
	};

	if (ferror(stdout))
		return SCREEN_END;
	poll(p, 2, (int)(seconds * 1000));
	if (p[1].revents != 0) {
		tcflush(STDIN_FILENO, TCIFLUSH); /* not for the shell */
		return SCREEN_END;
	}
	return p[0].revents != 0 ? on_signal(s) : SCREEN_DRAW;
}

void
screen_end(struct screen *s)
{
	leave(s);
	signals_release(&s->signals);
}
