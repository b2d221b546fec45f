/*
 * change: looks at what was sent, so that who sent it hears what is wrong;
 * then does what nbdmux-add and nbdmux-rm do, by their own code.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/keys.h"
#include "http/change.h"
#include "http/exports.h"
#include "http/jsonbody.h"
#include "http/turn.h"
#include "spool/url.h"
#include "tool/add.h"
#include "tool/rm.h"
#include "tool/source.h"

static const struct jsonbody_field members[] = {
	{ "name", false }, { "file", false }, { "src_url", false },
	{ "readonly", true }, { "format", false }, { "sha256", false },
	{ "sha512", false }, { "description", false }, { NULL, false }
};

/* An empty field of a form is one that was not filled in. */
static const char *
get(const struct form *f, const char *name)
{
	const char *value = form_get(f, name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static unsigned
wrong(struct diag *d, const char *field)
{
	diag_prefix(d, "%s", field);
	return 400;
}

/* --- a file --------------------------------------------------------------- */

/* What we may not read the daemon may; it will say so if not. */
static bool
unreadable(const char *path)
{
	return access(path, R_OK) != 0 && (errno == EACCES || errno == EPERM);
}

static unsigned
check_file(const struct http *h, const char *file, struct diag *d)
{
	if (file[0] != '/') {
		diag_set(d, "\"%.200s\" is not an absolute path", file);
		return wrong(d, "file");
	}
	if (conf_value_check(file, d) != 0)
		return wrong(d, "file"); /* the entry could not name it */
	if (!unreadable(file) && source_look(file, false, d) != 0)
		return wrong(d, "file");
	if (source_within(h->config.image_dirs, file))
		return 200;
	diag_set(d, "%s is in none of the directories that images must be in "
	    "(image-dirs)", file);
	return wrong(d, "file");
}

/* --- an address ----------------------------------------------------------- */

static unsigned
check_allowed(const struct http *h, const char *field, const char *url,
    struct diag *d)
{
	if (!h->auth.open || (h->config.fetch_from != NULL &&
	    url_allowed(h->config.fetch_from, url)))
		return 200;
	diag_set(d, "%s: nothing may be fetched from there: set an admin "
	    "password, or name the beginning of the address in fetch-from",
	    field);
	return 403;
}

/* A list of sums is fetched, too: one beside the source is as good as that. */
static unsigned
check_list(const struct http *h, const struct form *f, const char *field,
    struct diag *d)
{
	const char *sum = get(f, field);

	if (sum == NULL || record_is_sum(sum) ||
	    (strpbrk(sum, "/%") == NULL && sum[0] != '.'))
		return 200;
	return check_allowed(h, field, sum, d);
}

static unsigned
check_url(const struct http *h, const struct form *f, const char *url,
    struct diag *d)
{
	unsigned status;

	if (url_check(url, d) != 0)
		return wrong(d, "src_url");
	status = check_allowed(h, "src_url", url, d);
	if (status == 200)
		status = check_list(h, f, "sha256", d);
	return status == 200 ? check_list(h, f, "sha512", d) : status;
}

/* --- adding --------------------------------------------------------------- */

static unsigned
take_field(struct record *r, const struct form *f, const char *name,
    const char *key, struct diag *d)
{
	const char *value = get(f, name);

	if (value == NULL || keys_set(record_keys, r, key, value, d) == 0)
		return 200;
	return wrong(d, name);
}

/* The record, but for the image or source, which add_run() puts there. */
static unsigned
take_fields(struct add *a, const struct form *f, struct diag *d)
{
	static const char *const names[] = { "description", "sha256", "sha512",
		"format" };
	struct record *r = &a->record;
	bool writable = false;
	const char *readonly = get(f, "readonly");
	unsigned status = 200;

	if (readonly != NULL) {
		if (strcmp(readonly, "no") != 0 && strcmp(readonly, "yes") != 0) {
			diag_set(d, "readonly: \"%.20s\" is neither yes nor no",
			    readonly);
			return 400;
		}
		writable = strcmp(readonly, "no") == 0;
	}
	r->mode = writable ? MODE_RW : MODE_RO;
	for (size_t i = 0; i < 4 && status == 200; i++)
		status = take_field(r, f, names[i], names[i], d);
	return status;
}

static unsigned
take(const struct http *h, struct add *a, const struct form *f, struct diag *d)
{
	const char *file = get(f, "file"), *url = get(f, "src_url");
	unsigned status;

	a->name = get(f, "name");
	if (a->name == NULL) {
		diag_set(d, "name: a name is needed");
		return 400;
	}
	if (name_check(a->name, d) != 0)
		return wrong(d, "name");
	if ((file != NULL) == (url != NULL)) {
		diag_set(d, file != NULL ? "file and src_url: one of them is "
		    "all that fits" : "file: a file or a src_url is needed");
		return 400;
	}
	a->image = file != NULL ? file : url;
	status = file != NULL ? check_file(h, file, d) :
	    check_url(h, f, url, d);
	if (status == 200)
		status = take_fields(a, f, d);
	if (status == 200 && file != NULL && (a->record.sha256 != NULL ||
	    a->record.sha512 != NULL)) {
		diag_set(d, "file: a sum is checked of what is fetched from a "
		    "src_url alone");
		return 400;
	}
	/* Old programs tell the format of files, too. */
	if (file != NULL)
		a->record.format = CONTENT_AUTO;
	return status;
}

/* The statuses of nbdmux-add; what came too late is in the spool. */
static unsigned
add(struct http *h, struct add *a)
{
	h->turn = turn_take(auth_dir(&h->auth), a->name);
	switch (add_run(&h->tool, a)) {
	case TOOL_OK:
	case TOOL_TIMEOUT:
		return 200;
	case TOOL_REFUSED:
		return 400;
	default:
		return a->raced ? 409 : 503;
	}
}

unsigned
change_add(struct http *h, const struct form *f, struct diag *d)
{
	struct add a = { .timeout = HTTP_PATIENCE, .looked = true,
		.quiet = true, .no_wait = true, .why = d };
	unsigned status;

	if (!h->configured) {
		*d = h->config_error;
		return 500;
	}
	record_init(&a.record);
	status = take(h, &a, f, d);
	if (status == 200)
		status = add(h, &a);
	if (status != 200 && d->text[0] == '\0')
		diag_set(d, "it could not be done");
	record_clear(&a.record);
	return status;
}

void
change_post(struct http *h)
{
	const struct buf *body = &h->request.body;
	unsigned status = 400;
	struct diag d = { "" };
	struct form f;

	if (jsonbody_parse(&f, body->len > 0 ? body->data : "", body->len,
	    members, &d) == 0)
		status = change_add(h, &f, &d);
	if (status == 200)
		exports_answer(h, get(&f, "name"), get(&f, "src_url") !=
		    NULL);
	else
		http_error(h, status, "%s", d.text);
	form_free(&f);
}

/* --- removing ------------------------------------------------------------- */

unsigned
change_remove(struct http *h, const char *name, struct diag *d)
{
	char *names[] = { (char *)name, NULL };
	struct rm rm = { .names = names, .count = 1, .strict = true,
		.timeout = HTTP_PATIENCE, .quiet = true, .why = d };

	h->turn = turn_take(auth_dir(&h->auth), name);
	switch (rm_run(&h->tool, &rm)) {
	case TOOL_OK:
	case TOOL_TIMEOUT:
		return 204;
	case TOOL_ABSENT:
		return 404;
	default:
		return 503;
	}
}

void
change_delete(struct http *h)
{
	const char *name = h->match.args[0];
	struct diag d = { "" };
	unsigned status = 404;

	if (name_valid(name))
		status = change_remove(h, name, &d);
	if (status == 204 || status == 404)
		answer_begin(&h->answer, status, NULL);
	else
		http_error(h, status, "%s", d.text[0] != '\0' ? d.text :
		    "it could not be removed");
}
