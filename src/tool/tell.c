/* tell: the user's name, and one line to the file of events. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "spool/config.h"
#include "tool/tell.h"

#define WHO_MAX 512

/* The environment is the user's word, no proof; some of it, if it is there. */
static void
add(char *dst, size_t size, const char *before, const char *variable,
    const char *behind)
{
	const char *value = getenv(variable);
	char word[128];

	if (value == NULL || value[0] == '\0')
		return;
	strlcpy(word, value, sizeof(word));
	word[strcspn(word, " ")] = '\0'; /* SSH_CLIENT: address, two ports */
	strlcat(dst, before, size);
	strlcat(dst, word, size);
	strlcat(dst, behind, size);
}

char *
tell_who(char *dst, size_t size)
{
	const struct passwd *pw = getpwuid(getuid());

	if (pw != NULL)
		strlcpy(dst, pw->pw_name, size);
	else
		snprintf(dst, size, "uid %lu", (unsigned long)getuid());
	add(dst, size, " (sudo by ", "SUDO_USER", ")");
	add(dst, size, " from ", "SSH_CLIENT", "");
	return dst;
}

void
tell_begin(struct event *e, const struct tool *t, const char *name,
    const char *export)
{
	char who[WHO_MAX];

	event_begin(e, name, t->program, t->who != NULL ? t->who :
	    tell_who(who, sizeof(who)), export);
}

static int
record(struct tool *t, const char *line, size_t len, struct diag *d)
{
	struct events f;
	int rc;

	if (config_data(&t->places, d) == -1)
		return diag_prefix(d, "cannot record an event");
	events_init(&f, t->places.data);
	rc = events_write(&f, line, len, d);
	events_close(&f);
	return rc;
}

void
tell_end(struct event *e, struct tool *t)
{
	size_t len = 0;
	char *line = event_end(e, &len);
	struct diag d;
	int rc;

	if (line != NULL)
		rc = record(t, line, len, &d);
	else
		rc = diag_errno(&d, "cannot record an event");
	free(line);
	if (rc == 0 || t->untold)
		return;
	t->untold = true;
	tool_say(t, "%s; what was done is done", d.text);
}
