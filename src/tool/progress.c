/* progress: rates over the last seconds, and the line. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/size.h"
#include "spool/state.h"
#include "tool/cell.h"
#include "tool/progress.h"

#define DRAW_EVERY 0.2 /* s on a terminal */
#define LINE_EVERY 10  /* s elsewhere */

static double
now(void)
{
	return (double)clock_now(CLOCK_MONOTONIC) / (double)CLOCK_SECOND;
}

void
progress_begin(struct progress *p, FILE *out)
{
	memset(p, 0, sizeof(*p));
	p->out = out;
	p->terminal = out != NULL && isatty(fileno(out));
	p->status = STATUS_READY;
	p->next = p->terminal ? 0 : now() + LINE_EVERY;
}

void
progress_far(char *dst, size_t size, const struct fetch *f, double rate)
{
	char done[SIZE_TEXT], total[SIZE_TEXT], speed[SIZE_TEXT], left[32];
	double percent = fetch_percent(f);
	int n = 0;

	dst[0] = '\0';
	if (f->status == STATUS_QUEUED)
		return;
	if (percent >= 0)
		n = snprintf(dst, size, "%d%%, %s of %s", (int)percent,
		    size_human(done, sizeof(done), f->bytes_done),
		    size_human(total, sizeof(total), f->bytes_total));
	else if (f->bytes_done > 0)
		n = snprintf(dst, size, "%s", size_human(done, sizeof(done),
		    f->bytes_done));
	if (rate < 1 || n <= 0)
		return;
	n += snprintf(dst + n, size - (size_t)n, ", %s/s", size_human(speed,
	    sizeof(speed), (uint64_t)rate));
	if (f->bytes_total > f->bytes_done)
		snprintf(dst + n, size - (size_t)n, ", %s left", cell_age(left,
		    sizeof(left), (double)(f->bytes_total - f->bytes_done) /
		    rate));
}

void
progress_text(char *dst, size_t size, const char *name, const struct fetch *f,
    double rate)
{
	char far[128];

	progress_far(far, sizeof(far), f, rate);
	snprintf(dst, size, "%s: %s%s%s", name, status_names[f->status],
	    far[0] != '\0' ? " " : "", far);
}

static double
sample(struct progress *p, const struct fetch *f, double at)
{
	unsigned last = (p->count + PROGRESS_SAMPLES - 1) % PROGRESS_SAMPLES;
	unsigned oldest;

	/* Another phase, or a download that began anew. */
	if (p->status != f->status || (p->count > 0 &&
	    f->bytes_done < p->samples[last].done))
		p->count = 0;
	if (p->count == 0 || at - p->samples[last].at >= 0.5) {
		last = p->count++ % PROGRESS_SAMPLES;
		p->samples[last].at = at;
		p->samples[last].done = f->bytes_done;
	}
	oldest = p->count > PROGRESS_SAMPLES ? p->count % PROGRESS_SAMPLES : 0;
	if (at - p->samples[oldest].at < 0.1)
		return 0;
	return (double)(f->bytes_done - p->samples[oldest].done) /
	    (at - p->samples[oldest].at);
}

void
progress_show(struct progress *p, const char *name, const struct fetch *f)
{
	bool new = p->status != f->status;
	double at = now();
	char line[200];

	p->rate = sample(p, f, at);
	p->status = f->status;
	if (p->out == NULL || (at < p->next && !(p->terminal && new)))
		return;
	p->next = at + (p->terminal ? DRAW_EVERY : LINE_EVERY);
	progress_text(line, sizeof(line), name, f, p->rate);
	if (p->terminal)
		fprintf(p->out, "\r%s\033[K", line);
	else
		fprintf(p->out, "%s\n", line);
	fflush(p->out);
	p->drawn = p->terminal;
}

void
progress_end(struct progress *p)
{
	if (p->drawn)
		fprintf(p->out, "\r\033[K");
	if (p->out != NULL)
		fflush(p->out);
	p->drawn = false;
}
