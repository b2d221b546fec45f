/*
 * jobboot: what boots the image.  The cache's catalog says whether there is a
 * bundle for it; entries with kernel and initrd, an operator's own files and
 * bundles that somebody has given come before that.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "fetch/boot.h"
#include "fetch/jobpriv.h"
#include "spool/netboot.h"
#include "spool/url.h"

/* The image has just come through the same cache. */
#define CATALOG_TRIES 2
#define CATALOG_STALL 10 /* s */

/* --- the catalog ---------------------------------------------------------- */

static void
read_catalog(struct web *w, const char *url, struct job_catalog *c)
{
	struct buf text;

	buf_init(&text, CATALOG_MOST);
	if (web_text(w, url, &text, &c->error) == WEB_DONE) {
		c->catalog = catalog_parse(text.len > 0 ? text.data : "",
		    text.len, &c->error);
		if (c->catalog == NULL)
			diag_prefix(&c->error, "%s", url);
	} else if (web_absent(w)) {
		c->error.text[0] = '\0'; /* there is none */
	}
	buf_free(&text);
}

/* Once for all exports; the cache is asked itself, and is the operator's. */
static const struct job_catalog *
catalog_of(struct job *j, struct web *w)
{
	struct job_catalog *c = j->options->catalog;
	size_t len = strlen(w->cache);
	char url[URL_MAX + 16];

	if (c->asked)
		return c;
	while (len > 0 && w->cache[len - 1] == '/')
		len--;
	snprintf(url, sizeof(url), "%.*s/catalog", (int)len, w->cache);
	w->cache = NULL;
	if (w->tries > CATALOG_TRIES)
		w->tries = CATALOG_TRIES;
	if (w->stall > CATALOG_STALL)
		w->stall = CATALOG_STALL;
	read_catalog(w, url, c);
	w->cache = j->options->cache;
	w->tries = j->options->tries;
	w->stall = j->options->stall;
	c->asked = *j->options->stop == 0;
	return c;
}

/* --- the bundle ----------------------------------------------------------- */

struct fetching {
	struct job *job;
	struct netboot_mark old; /* of what is there */
	struct web web;
	struct part part;
	struct boot boot;
	struct diag error;
};

static void
on_tick(void *arg)
{
	struct fetching *f = arg;

	report_tick(&f->job->report, STATUS_FETCHING, f->part.len,
	    f->part.facts.total);
}

static enum boot_result
publish(struct fetching *f)
{
	struct job *j = f->job;

	report_tick(&j->report, STATUS_DECOMPRESSING, f->part.len,
	    f->part.len);
	f->boot.fd = f->part.fd;
	f->boot.mark.etag = f->part.facts.etag;
	f->boot.mark.modified = f->part.facts.modified;
	if (lseek(f->part.fd, 0, SEEK_SET) != -1)
		return boot_publish(&f->boot, &f->error);
	diag_errno(&f->error, "cannot read it");
	return BOOT_FAILED;
}

/* The server is asked for another version than the one that is there. */
static enum boot_result
download(struct fetching *f)
{
	const struct netboot_mark *m = &f->old, *new = &f->boot.mark;
	bool have = text_same(m->source, new->source) &&
	    text_same(m->ref, new->ref) && text_same(m->image, new->image);

	switch (web_download(&f->web, &f->part, have ? m->etag : NULL,
	    have ? m->modified : NULL, &f->error)) {
	case WEB_DONE:
		return publish(f);
	case WEB_UNCHANGED:
		return BOOT_SAME;
	default:
		return BOOT_FAILED;
	}
}

static void
conclude(struct fetching *f, enum boot_result result)
{
	struct job *j = f->job;

	if (result == BOOT_FAILED && *j->options->stop == 0)
		boot_tell(&f->boot, f->error.text);
	if (result == BOOT_FAILED)
		diag_set(&j->error, "%s: what boots it is not published: %s: "
		    "%s", j->name, f->boot.mark.ref, f->error.text);
	if (result == BOOT_DONE) {
		j->booted = true;
		boot_tell(&f->boot, NULL);
	}
}

static void
fetch(struct fetching *f, const struct catalog_bundle *b)
{
	struct job *j = f->job;
	uint64_t done, total;

	f->boot = (struct boot) { .tool = j->tool, .name = j->name,
		.record = &j->record, .stop = j->options->stop,
		.mark = { .ref = b->ref, .source = b->source,
		.image = j->record.source } };
	if (j->report.state.format == 0)
		report_begin(&j->report, &j->stamp, true);
	done = j->report.state.bytes_done;
	total = j->report.state.bytes_total;
	f->web.tick = on_tick;
	f->web.arg = f;
	if (part_open(&f->part, j->imagesfd, j->name, PART_BUNDLE, b->source,
	    &j->error) == 0) {
		conclude(f, download(f));
		part_close(&f->part);
	}
	/* These are the image's. */
	j->report.state.bytes_done = done;
	j->report.state.bytes_total = total;
}

/* --- whether -------------------------------------------------------------- */

static void
withdraw(struct fetching *f)
{
	struct job *j = f->job;
	struct diag d;
	int rc = f->old.source == NULL ? 0 : netboot_remove(&j->tool->places,
	    j->name, NETBOOT_NOT_GIVEN, &d);

	if (rc == -1)
		diag_set(&j->error, "%s: what boots it stays: %s", j->name,
		    d.text);
	else if (rc == 1)
		j->booted = true;
}

static void
look(struct fetching *f)
{
	struct job *j = f->job;
	const struct job_catalog *c = catalog_of(j, &f->web);
	struct catalog_bundle b = { 0 };
	int found = 0;

	if (c->catalog != NULL)
		found = catalog_find(c->catalog, j->record.source, &b,
		    &j->error);
	else if (c->error.text[0] != '\0')
		found = diag_set(&j->error, "%s", c->error.text);
	else
		return; /* a cache, and no more */
	if (found == -1)
		diag_prefix(&j->error, "%s: what boots it is not known",
		    j->name);
	else if (found == 1)
		fetch(f, &b);
	else
		withdraw(f);
}

static void
ask(struct fetching *f)
{
	if (job_web(f->job, &f->web, &f->job->error) == -1)
		return;
	f->web.trusted = true;
	look(f);
	web_close(&f->web);
}

static bool
is_settled(const struct job *j, enum netboot_owner owner,
    const struct netboot_mark *old, bool over)
{
	if (owner == NETBOOT_OPERATOR || (old->ref != NULL &&
	    old->source == NULL))
		return true;
	return over && !j->options->refresh && old->ref != NULL &&
	    !fetched_unbooted(j->imagesfd, j->name);
}

void
job_netboot(struct job *j, bool over)
{
	int artifactsfd = netboot_open(&j->tool->places);
	struct fetching f = { .job = j };
	enum netboot_owner owner = netboot_owner(artifactsfd, j->name, &f.old);

	if (j->record.kernel == NULL && !is_settled(j, owner, &f.old, over)) {
		if (j->options->cache != NULL)
			ask(&f);
		/* Of another image it is no good, whatever there is of this. */
		if (!over && !j->booted && !text_same(f.old.image,
		    j->record.source))
			withdraw(&f);
	}
	/* The next one goes on with what an interrupted one has. */
	if (*j->options->stop == 0)
		fetched_clean_bundle(j->imagesfd, j->name);
	netboot_mark_clear(&f.old);
	if (artifactsfd != -1)
		close(artifactsfd);
}
