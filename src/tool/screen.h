/*
 * screen: the whole terminal, drawn again and again until a key is pressed.
 * It is put back as it was on every way out, and while the program is stopped.
 */
#ifndef TOOL_SCREEN_H
#define TOOL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/diag.h"
#include "tool/signals.h"

struct screen {
	struct signals signals;
	bool keys;          /* standard input is a terminal, too */
	struct termios old; /* its settings */
	size_t rows, columns;
};

enum screen_verdict { SCREEN_DRAW, SCREEN_END };

/* -1 with d set when standard output is not a terminal. */
int screen_begin(struct screen *s, struct diag *d);

/* Put lines of text there; what does not fit is cut. */
void screen_draw(const struct screen *s, const char *text);

/* Until it is time to draw again, or to end. */
enum screen_verdict screen_wait(struct screen *s, double seconds);

/* A signal that asked for the end is delivered now, but for Ctrl-C's. */
void screen_end(struct screen *s);

#endif
