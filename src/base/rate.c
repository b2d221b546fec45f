/* rate: windows of a minute that begin with a line. */
#include "base/rate.h"

void
rate_init(struct rate *r, unsigned limit)
{
	*r = (struct rate) { .limit = limit };
	pthread_mutex_init(&r->lock, NULL);
}

void
rate_destroy(struct rate *r)
{
	pthread_mutex_destroy(&r->lock);
}

/* Locked: the minute is given up; what it held back. */
static uint64_t
end(struct rate *r)
{
	uint64_t more = r->more;

	r->passed = 0;
	r->more = 0;
	r->since = 0;
	return more;
}

static bool
is_over(const struct rate *r, uint64_t now)
{
	return r->since != 0 && now - r->since >= RATE_MINUTE;
}

bool
rate_take(struct rate *r, uint64_t now, uint64_t *more)
{
	bool passes;

	pthread_mutex_lock(&r->lock);
	*more = is_over(r, now) ? end(r) : 0;
	if (r->since == 0)
		r->since = now;
	passes = r->passed < r->limit;
	if (passes)
		r->passed++;
	else
		r->more++;
	pthread_mutex_unlock(&r->lock);
	return passes;
}

/* At once where anyway is set, else when its time is over. */
static uint64_t
close_minute(struct rate *r, bool anyway, uint64_t now)
{
	uint64_t more;

	pthread_mutex_lock(&r->lock);
	more = anyway || is_over(r, now) ? end(r) : 0;
	pthread_mutex_unlock(&r->lock);
	return more;
}

uint64_t
rate_over(struct rate *r, uint64_t now)
{
	return close_minute(r, false, now);
}

uint64_t
rate_rest(struct rate *r)
{
	return close_minute(r, true, 0);
}

uint64_t
rate_due(struct rate *r)
{
	uint64_t due;

	pthread_mutex_lock(&r->lock);
	due = r->since != 0 ? r->since + RATE_MINUTE : 0;
	pthread_mutex_unlock(&r->lock);
	return due;
}

bool
rate_held(struct rate *r)
{
	bool held;

	pthread_mutex_lock(&r->lock);
	held = r->more > 0;
	pthread_mutex_unlock(&r->lock);
	return held;
}
