/* listfetch: what is being fetched, laid over what is served. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "spool/config.h"
#include "spool/fetched.h"
#include "tool/listingpriv.h"

struct places_of {
	int fetchfd, imagesfd; /* -1: not there */
	char images[PATH_MAX];
};

/* The error that the export shows; what is served still is told, too. */
static void
take_error(struct listing_row *r)
{
	char when[32], retry[64] = "", *text;
	int n;

	if (r->fetch.retry != 0)
		snprintf(retry, sizeof(retry), "; tried again at %s",
		    text_time(when, sizeof(when), (long long)r->fetch.retry));
	if (r->state.generation != 0)
		n = asprintf(&text, "cannot fetch it: %s%s; generation %llu is "
		    "still served", r->fetch.error != NULL ? r->fetch.error :
		    "nobody knows why", retry,
		    (unsigned long long)r->state.generation);
	else
		n = asprintf(&text, "cannot fetch it: %s%s", r->fetch.error !=
		    NULL ? r->fetch.error : "nobody knows why", retry);
	if (n == -1)
		return;
	free(r->state.error);
	r->state.error = text;
}

/* The daemon has not seen the newest text, which wants something fetched. */
static bool
is_ahead(const struct listing_row *r, const struct places_of *p)
{
	return r->answered && r->state.spool_mtime != r->entry->stamp.mtime &&
	    fetched_wanted(&r->entry->record, r->name, p->images);
}

static void
fill(struct listing_row *r, const struct places_of *p)
{
	struct fetch *f = &r->fetch;

	if (r->entry == NULL || r->entry->bad ||
	    r->entry->record.source == NULL)
		return;
	r->fetching = p->fetchfd != -1 &&
	    fetch_read(p->fetchfd, r->name, f, NULL) == 1;
	/* One that was about an older text says nothing. */
	if (r->fetching && f->source != NULL &&
	    strcmp(f->source, r->entry->record.source) != 0)
		r->fetching = false;
	if ((!r->fetching || !fetch_pending(f)) && is_ahead(r, p)) {
		fetch_clear(f);
		f->status = STATUS_QUEUED;
		r->fetching = true;
	}
	/* Whoever did it has died. */
	if (r->fetching && (f->status == STATUS_FETCHING ||
	    f->status == STATUS_DECOMPRESSING) && p->imagesfd != -1 &&
	    !fetch_locked(p->imagesfd, r->name))
		f->status = STATUS_QUEUED;
	if (r->fetching && f->status == STATUS_FAILED)
		take_error(r);
	/* It is served, and cannot be booted. */
	if (r->fetching && f->status == STATUS_READY && f->error != NULL &&
	    r->state.error == NULL)
		r->state.error = strdup(f->error);
}

void
listing_fetches(struct listing *l, struct tool *t)
{
	struct places_of p = { .fetchfd = -1, .imagesfd = -1 };

	if (l->server.statefd != -1)
		p.fetchfd = fetch_open(l->server.statefd, false, NULL);
	if (config_data(&t->places, NULL) == 0) {
		fetched_dir(&t->places, p.images);
		p.imagesfd = open(p.images, O_RDONLY | O_DIRECTORY |
		    O_CLOEXEC);
	}
	for (struct listing_row *r = l->rows; r < l->rows + l->count; r++)
		fill(r, &p);
	if (p.fetchfd != -1)
		close(p.fetchfd);
	if (p.imagesfd != -1)
		close(p.imagesfd);
}
