/* ls: takes listings and shows what was asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "tool/given.h"
#include "tool/listing.h"
#include "tool/ls.h"
#include "tool/metrics.h"
#include "tool/screen.h"
#include "tool/show.h"

struct listed {
	struct tool *tool;
	const struct ls *ls;
	struct given names;
	struct listing_source source;
	struct listing *now; /* the last one taken, or NULL */
};

/* --- taking --------------------------------------------------------------- */

static void
hide_others(const struct listed *s, struct listing *l)
{
	if (s->names.count == 0)
		return;
	for (size_t i = 0; i < l->count; i++)
		l->rows[i].hidden = true;
	for (size_t i = 0; i < s->names.count; i++) {
		struct listing_row *r = listing_find(l, s->names.list[i]);

		if (r != NULL)
			r->hidden = false;
	}
}

/* The next listing takes the place of the last, which gives it its rates. */
static int
take(struct listed *s, struct diag *d)
{
	struct listing *l = listing_take(&s->source, s->now, d);

	if (l == NULL)
		return -1;
	hide_others(s, l);
	listing_free(s->now);
	s->now = l;
	return 0;
}

static bool
has_clients(const struct listing *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (!l->rows[i].hidden && l->rows[i].clients > 0)
			return true;
	return false;
}

/*
 * A rate needs two looks.  Nobody waits for one when nobody is connected, or
 * when it is not shown.
 */
static int
take_with_rates(struct listed *s, struct diag *d)
{
	const struct ls *ls = s->ls;
	double seconds = ls->interval;
	struct timespec ts;

	if (take(s, d) != 0)
		return -1;
	if (seconds < 0)
		seconds = !ls->details && !ls->connections && !ls->json &&
		    !ls->just_names && !ls->metrics && has_clients(s->now) ? LS_SAMPLE : 0;
	if (seconds <= 0)
		return 0;
	ts.tv_sec = (time_t)seconds;
	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
	return take(s, d);
}

/* --- showing -------------------------------------------------------------- */

static void
print_names(const struct listing *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (!l->rows[i].hidden)
			puts(l->rows[i].name);
}

static int
show(const struct listed *s, FILE *out, size_t width)
{
	const struct ls *ls = s->ls;

	if (ls->json)
		show_json(s->now, s->tool, out);
	else if (ls->metrics)
		metrics_print(s->now, out);
	else if (ls->just_names)
		print_names(s->now);
	else if (!ls->details && !ls->connections)
		return show_exports(s->now, out, width);
	if (ls->json || ls->just_names || ls->metrics)
		return 0;
	if (ls->details && show_long(s->now, out, width) != 0)
		return -1;
	if (ls->details && ls->connections)
		fputc('\n', out);
	return ls->connections ? show_connections(s->now, out, width) : 0;
}

/* What a table does not say. */
static void
remarks(const struct listed *s)
{
	const struct listing *l = s->now;

	if (s->ls->just_names)
		return;
	if (l->server.pid == 0)
		tool_say(s->tool, "no daemon runs; this is what the spool %s "
		    "says", s->tool->places.spool);
	else if (l->view == NULL)
		tool_say(s->tool, "%s", l->view_error.text);
	if (l->server.state.error != NULL)
		tool_say(s->tool, "the daemon says: %s", l->server.state.error);
	if (l->count == 0 && s->names.count == 0)
		tool_say(s->tool, "there are no exports in %s",
		    s->tool->places.spool);
	else if (s->ls->connections && l->server.pid != 0 && !has_clients(l))
		tool_say(s->tool, "no clients are connected");
}

static int
absent(const struct listed *s)
{
	int status = TOOL_OK;

	for (size_t i = 0; i < s->names.count; i++) {
		const char *name = s->names.list[i], *near;

		if (listing_find(s->now, name) != NULL)
			continue;
		near = listing_nearest(s->now, name);
		status = near != NULL ? tool_fail(s->tool, TOOL_ABSENT,
		    "there is no export %s; the nearest name is %s", name,
		    near) : tool_fail(s->tool, TOOL_ABSENT,
		    "there is no export %s", name);
	}
	return status;
}

static int
once(struct listed *s)
{
	struct diag d;

	if (take_with_rates(s, &d) != 0)
		return tool_fail(s->tool, TOOL_FAILED, "%s", d.text);
	remarks(s);
	if (show(s, stdout, 0) != 0)
		return tool_fail(s->tool, TOOL_FAILED, "out of memory");
	return absent(s);
}

/* --- again and again ------------------------------------------------------ */

static void
headline(const struct listed *s, FILE *out)
{
	const struct listing *l = s->now;
	size_t exports = 0, clients = 0;
	char when[32];

	for (size_t i = 0; i < l->count; i++) {
		exports += !l->rows[i].hidden;
		clients += l->rows[i].hidden ? 0 : l->rows[i].clients;
	}
	fprintf(out, "%s  ", text_time(when, sizeof(when), time(NULL)));
	if (l->server.pid == 0)
		fprintf(out, "no daemon runs");
	else
		fprintf(out, "nbdmuxd %ld", l->server.pid);
	fprintf(out, "  exports: %zu  clients: %zu  (a key ends)\n\n", exports,
	    clients);
}

/* One picture; what went wrong is shown, too, and may pass. */
static int
draw(struct listed *s, const struct screen *screen)
{
	char *text = NULL;
	size_t size;
	struct diag d;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return -1;
	if (take(s, &d) != 0)
		fprintf(out, "%s: %s\n", s->tool->program, d.text);
	else {
		headline(s, out);
		show(s, out, screen->columns);
	}
	if (fclose(out) == 0)
		screen_draw(screen, text);
	free(text);
	return 0;
}

static int
again(struct listed *s)
{
	double interval = s->ls->interval > 0 ? s->ls->interval : LS_INTERVAL;
	struct screen screen;
	struct diag d;

	if (screen_begin(&screen, &d) != 0)
		return tool_fail(s->tool, TOOL_USAGE, "%s", d.text);
	while (draw(s, &screen) == 0 &&
	    screen_wait(&screen, interval) == SCREEN_DRAW)
		;
	screen_end(&screen);
	return TOOL_OK;
}

int
ls_run(struct tool *t, const struct ls *ls)
{
	struct listed s = { .tool = t, .ls = ls };
	struct diag d;
	int status;

	listing_begin(&s.source, t);
	if (given_take(&s.names, ls->names, ls->count, &d) != 0)
		status = tool_fail(t, TOOL_USAGE, "%s", d.text);
	else
		status = ls->watch ? again(&s) : once(&s);
	listing_free(s.now);
	listing_end(&s.source);
	given_drop(&s.names);
	return status;
}
