/* recorder: a bounded queue of lines, and the thread that writes them. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bsd/sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rate.h"
#include "loop/recorder.h"

#define NOTE_MAX 32 /* bytes of the member that tells of lost ones */

struct line {
	STAILQ_ENTRY(line) link;
	char *text; /* owned */
	size_t len;
	uint64_t lost; /* events before it */
};
STAILQ_HEAD(lines, line);

struct recorder {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct lines lines;
	size_t bytes;
	uint64_t lost;
	bool stopping;

	/* The thread's own: */
	struct events file;
	struct rate rate;
	uint64_t unwritten; /* since the last line in the file */
	pthread_t thread;
	bool started;
};

/* Once a minute; lines that are lost are counted meanwhile. */
static void
complain(struct recorder *r, const struct diag *d)
{
	uint64_t more;

	if (rate_take(&r->rate, clock_now(CLOCK_MONOTONIC), &more))
		log_error("data", "%s; what happens is lost until that works",
		    d->text);
}

struct recorder *
recorder_new(const char *dir, struct diag *d)
{
	struct recorder *r = calloc(1, sizeof(*r));
	struct diag why;

	if (r == NULL) {
		diag_errno(d, "cannot record events");
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	STAILQ_INIT(&r->lines);
	events_init(&r->file, dir);
	rate_init(&r->rate, 1);
	if (events_open(&r->file, &why) == -1)
		complain(r, &why);
	return r;
}

static void
line_free(struct line *l)
{
	free(l->text);
	free(l);
}

void
recorder_free(struct recorder *r)
{
	struct line *l;

	if (r == NULL)
		return;
	while ((l = STAILQ_FIRST(&r->lines)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->lines, link);
		line_free(l);
	}
	events_close(&r->file);
	rate_destroy(&r->rate);
	pthread_cond_destroy(&r->more);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* --- from any thread ------------------------------------------------------ */

void
recorder_skip(struct recorder *r)
{
	pthread_mutex_lock(&r->lock);
	r->lost++;
	pthread_mutex_unlock(&r->lock);
}

/* False: it is not taken. */
static bool
queue(struct recorder *r, struct line *l)
{
	bool fits;

	pthread_mutex_lock(&r->lock);
	fits = r->bytes + l->len <= RECORDER_BYTES;
	if (fits) {
		l->lost = r->lost;
		r->lost = 0;
		if (STAILQ_EMPTY(&r->lines))
			pthread_cond_signal(&r->more);
		STAILQ_INSERT_TAIL(&r->lines, l, link);
		r->bytes += l->len;
	} else
		r->lost++;
	pthread_mutex_unlock(&r->lock);
	return fits;
}

void
recorder_put(struct recorder *r, struct event *e)
{
	struct line *l = malloc(sizeof(*l));
	size_t len = 0;
	char *text = event_end(e, &len);

	if (l == NULL || text == NULL) {
		free(l);
		free(text);
		recorder_skip(r);
		return;
	}
	l->text = text;
	l->len = len;
	if (!queue(r, l))
		line_free(l);
}

/* --- the thread ----------------------------------------------------------- */

/* "...}\n" becomes "...,"lost":N}\n". */
static int
write_line(struct recorder *r, struct line *l, uint64_t lost, struct diag *d)
{
	char *more;
	int n;

	if (lost == 0)
		return events_write(&r->file, l->text, l->len, d);
	if ((more = realloc(l->text, l->len + NOTE_MAX)) == NULL)
		return diag_errno(d, "cannot record an event");
	l->text = more;
	n = snprintf(more + l->len - 2, NOTE_MAX + 2, ",\"lost\":%llu}\n",
	    (unsigned long long)lost);
	return events_write(&r->file, more, l->len - 2 + (size_t)n, d);
}

static void
write_lines(struct recorder *r, struct lines *lines)
{
	struct line *l;
	struct diag d;

	while ((l = STAILQ_FIRST(lines)) != NULL) {
		STAILQ_REMOVE_HEAD(lines, link);
		if (write_line(r, l, l->lost + r->unwritten, &d) == 0)
			r->unwritten = 0;
		else {
			r->unwritten += l->lost + 1;
			complain(r, &d);
		}
		line_free(l);
	}
}

/* What is being written has left the queue and its account. */
static bool
take(struct recorder *r, struct lines *lines)
{
	STAILQ_INIT(lines);
	pthread_mutex_lock(&r->lock);
	while (STAILQ_EMPTY(&r->lines) && !r->stopping)
		pthread_cond_wait(&r->more, &r->lock);
	STAILQ_CONCAT(lines, &r->lines);
	r->bytes = 0;
	pthread_mutex_unlock(&r->lock);
	return !STAILQ_EMPTY(lines);
}

static void *
thread(void *arg)
{
	struct recorder *r = arg;
	struct lines lines;

	while (take(r, &lines))
		write_lines(r, &lines);
	return NULL;
}

int
recorder_start(struct recorder *r, struct diag *d)
{
	int error = pthread_create(&r->thread, NULL, thread, r);

	if (error != 0) {
		errno = error;
		return diag_errno(d, "cannot start a thread");
	}
	r->started = true;
	return 0;
}

/* As keeper_stop() does it, for the same reason. */
bool
recorder_stop(struct recorder *r, unsigned seconds)
{
	struct timespec until;

	if (!r->started)
		return true;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)seconds;
	if (pthread_timedjoin_np(r->thread, NULL, &until) != 0)
		return false;
	r->started = false;
	return true;
}
