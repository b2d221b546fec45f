/* submission: the state of the export, as far as it answers our version. */
#include <stddef.h>

#include "tool/submission.h"

void
submission_init(struct submission *s, struct tool *t, const char *name)
{
	*s = (struct submission) { .tool = t, .name = name,
		.server = { .statefd = -1, .exportsfd = -1 } };
}

static bool
answers_us(const struct submission *s)
{
	return s->state.spool_ino == s->entry.stamp.ino &&
	    s->state.spool_mtime == s->entry.stamp.mtime;
}

static enum answer
judge(const struct submission *s)
{
	if (s->state.status == STATUS_FAILED || s->state.error != NULL)
		return ANSWER_REFUSED;
	if (s->state.status == STATUS_QUEUED)
		return ANSWER_QUEUED;
	return s->state.status == STATUS_READY ? ANSWER_READY : ANSWER_NONE;
}

enum answer
submission_ask(struct submission *s)
{
	struct diag ignored; /* a state that is just being made anew */

	server_close(&s->server);
	state_export_clear(&s->state);
	if (server_open(&s->server, s->tool, &ignored) != 0)
		return ANSWER_NONE;
	if (s->server.pid == 0)
		return ANSWER_DOWN;
	if (s->server.exportsfd != -1 && state_read_export(s->server.exportsfd,
	    s->name, &s->state, &ignored) == 1 && answers_us(s))
		return judge(s);
	if (entry_current(&s->entry) || entry_adopt(&s->entry, s->name,
	    s->record))
		return ANSWER_NONE;
	return ANSWER_OTHER;
}

enum answer
submission_hear(struct submission *s)
{
	for (;;) {
		enum answer answer = submission_ask(s);

		if (answer != ANSWER_NONE)
			return answer;
		switch (await_next(&s->await)) {
		case AWAIT_LOOK:
			break;
		case AWAIT_TIMEOUT:
			return ANSWER_LATE;
		case AWAIT_SIGNAL:
			return ANSWER_SIGNAL;
		}
	}
}

void
submission_close(struct submission *s)
{
	entry_close(&s->entry);
	state_export_clear(&s->state);
	server_close(&s->server);
}
