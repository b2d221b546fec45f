/* addreport: what add has to say: a line, or JSON. */
#include <stdio.h>

#include "base/json.h"
#include "spool/config.h"
#include "tool/addpriv.h"
#include "tool/uri.h"

/* What is written, or would be, for those who show it beforehand. */
static void
report_entry(struct json *j, const struct record *r)
{
	struct buf text;

	buf_init(&text, RECORD_FILE_MAX);
	json_string(j, "entry", record_format(r, &text, NULL) == 0 ?
	    text.data : NULL);
	buf_free(&text);
}

static void
report_json(const struct adding *a, const char *uri, bool served)
{
	struct json j = { .out = stdout };

	json_open(&j, NULL, '{');
	json_number(&j, "format", 1);
	json_string(&j, "name", a->add->name);
	json_string(&j, "result", a->word);
	json_bool(&j, "check", a->add->check);
	json_bool(&j, "served", served);
	json_string(&j, "uri", uri);
	if (served) {
		json_number(&j, "size", a->sub.state.size);
		json_number(&j, "generation", a->sub.state.generation);
	} else {
		json_null(&j, "size");
		json_null(&j, "generation");
	}
	report_entry(&j, &a->add->record);
	json_string(&j, "error", a->error.text[0] != '\0' ? a->error.text :
	    NULL);
	json_close(&j, '}');
	putchar('\n');
}

static bool
secure(const struct adding *a)
{
	return a->sub.server.state.tls == CONFIG_TLS_REQUIRED ||
	    record_needs_tls(&a->add->record);
}

void
add_report(const struct adding *a, bool served)
{
	struct buf uri;
	bool known;

	if (a->add->quiet)
		return;
	buf_init(&uri, 4096);
	known = a->sub.server.pid != 0 && uri_best(&uri, a->sub.server.state.listen,
	    a->add->name, secure(a)) == 0;
	if (a->add->json)
		report_json(a, known ? uri.data : NULL, served);
	else if (a->word != NULL)
		printf(known ? "%s %s\n" : "%s\n", a->word, uri.data);
	buf_free(&uri);
}

/* What went wrong, on stderr and in the JSON; word: what was done anyway. */
int
add_trouble(struct adding *a, int status, const char *word)
{
	tool_say(a->tool, "%s", a->error.text);
	a->word = word;
	if (a->add->json)
		add_report(a, false);
	return status;
}
