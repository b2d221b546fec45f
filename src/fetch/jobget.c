/* jobget: the steps that get the image: sums, download, decompression. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "fetch/convert.h"
#include "fetch/jobpriv.h"
#include "fetch/sparse.h"
#include "fetch/sums.h"
#include "spool/url.h"

static bool
stopped(const struct job *j)
{
	return *j->options->stop != 0;
}

/* --- sums ----------------------------------------------------------------- */

static void
lower(char *dst, const char *sum)
{
	size_t i;

	for (i = 0; i < DIGEST_SIZE - 1 && sum[i] != '\0'; i++)
		dst[i] = sum[i] >= 'A' && sum[i] <= 'F' ? sum[i] + 32 : sum[i];
	dst[i] = '\0';
}

static enum step
sum_from_list(struct job *j, const char *list, size_t digits, char *sum)
{
	char *url = web_resolve(j->record.source, list);
	char *base = web_basename(j->record.source);
	enum web_result got = WEB_FAILED;
	struct buf text;
	int rc = -1;

	j->listed = true;
	buf_init(&text, SUMS_MAX);
	if (url == NULL || base == NULL)
		diag_set(&j->error, "\"%s\" leads to no list of sums", list);
	else
		got = web_text(&j->web, url, &text, &j->error);
	if (got == WEB_DONE) {
		rc = sums_find(text.len > 0 ? text.data : "", text.len, base,
		    digits, sum, &j->error);
		if (rc == -1)
			diag_prefix(&j->error, "%s", url);
	}
	buf_free(&text);
	free(url);
	free(base);
	return rc == 0 ? STEP_GO_ON : job_fail(j, TOOL_FAILED, false);
}

static enum step
find_sum(struct job *j, const char *given, size_t digits, char *sum)
{
	if (given == NULL)
		return STEP_GO_ON;
	if (!record_is_sum(given))
		return sum_from_list(j, given, digits, sum);
	lower(sum, given);
	return STEP_GO_ON;
}

static void
on_tick(void *arg)
{
	struct job *j = arg;

	report_tick(&j->report, STATUS_FETCHING, j->part.len,
	    j->part.facts.total);
}

int
job_web(struct job *j, struct web *w, struct diag *d)
{
	if (j->options->cache == NULL && !url_direct(j->record.source))
		return diag_set(d, "%s is fetched through a cache, and there "
		    "is none; name it as fetch-cache", j->record.source);
	if (web_open(w, d) == -1)
		return -1;
	w->stop = j->options->stop;
	w->cache = j->options->cache;
	w->within = url_hold(j->options->from, j->record.source);
	w->tries = j->options->tries;
	w->stall = j->options->stall;
	snprintf(w->netrc, sizeof(w->netrc), "%s/netrc",
	    j->tool->places.data);
	return 0;
}

static enum step
open_parts(struct job *j)
{
	if (job_web(j, &j->web, &j->error) == -1)
		return job_fail(j, TOOL_FAILED, false);
	j->web.tick = on_tick;
	j->web.arg = j;
	if (part_open(&j->part, j->imagesfd, j->name, PART_IMAGE,
	    j->record.source, &j->error) == -1) {
		web_close(&j->web);
		return job_fail(j, TOOL_FAILED, false);
	}
	j->open = true;
	return STEP_GO_ON;
}

enum step
job_sums(struct job *j)
{
	const struct record *r = &j->record;
	bool pinned = (r->sha256 != NULL && record_is_sum(r->sha256)) ||
	    (r->sha512 != NULL && record_is_sum(r->sha512));

	if (j->number != 0)
		return STEP_GO_ON;
	/* Another version would be refused. */
	if (!j->wanted && pinned)
		return STEP_OVER;
	if (open_parts(j) != STEP_GO_ON ||
	    find_sum(j, r->sha256, DIGEST_SHA256, j->sha256) != STEP_GO_ON ||
	    find_sum(j, r->sha512, DIGEST_SHA512, j->sha512) != STEP_GO_ON)
		return STEP_FAILED;
	if (!j->wanted && j->sha256[0] != '\0' && j->have.digest != NULL &&
	    strcmp(j->sha256, j->have.digest) == 0)
		return STEP_OVER;
	return STEP_GO_ON;
}

/* --- the download --------------------------------------------------------- */

/* What is wrong with what was fetched is about its address. */
static enum step
bad_download(struct job *j, int status)
{
	diag_prefix(&j->error, "%s", j->record.source);
	return job_fail(j, status, true);
}

static enum step
unpack_failed(struct job *j)
{
	j->error = j->unpack.error;
	return bad_download(j, j->unpack.full ? TOOL_FAILED : JOB_REFUSED);
}

/* The network has done its part. */
static enum step
await_unpack(struct job *j)
{
	struct timespec tick = { .tv_nsec = 20000000 };
	struct unpack *u = &j->unpack;
	int rc;

	part_end(&j->part);
	while (!atomic_load(&u->over)) {
		if (stopped(j))
			part_abort(&j->part);
		report_tick(&j->report, atomic_load(&u->filtering) ?
		    STATUS_DECOMPRESSING : STATUS_FETCHING,
		    atomic_load(&u->seen), j->part.len);
		nanosleep(&tick, NULL);
	}
	rc = unpack_join(u);
	j->unpacking = false;
	close(u->outfd);
	if (stopped(j))
		return job_fail(j, TOOL_FAILED, false);
	report_tick(&j->report, j->report.state.status, j->part.len,
	    j->part.len);
	return rc == 0 ? STEP_GO_ON : unpack_failed(j);
}

static enum step
download(struct job *j)
{
	bool fresh = j->wanted || j->part.len > 0;
	enum web_result got = web_download(&j->web, &j->part,
	    fresh ? NULL : j->have.etag, fresh ? NULL : j->have.modified,
	    &j->error);

	switch (got) {
	case WEB_DONE:
		return await_unpack(j);
	case WEB_UNCHANGED:
		return STEP_OVER;
	case WEB_FULL:
		return job_fail(j, TOOL_FAILED, true);
	case WEB_STOPPED:
		/* Not by a signal: by the thread, which knows why. */
		return stopped(j) ? job_fail(j, TOOL_FAILED, false) :
		    await_unpack(j);
	default:
		return job_fail(j, TOOL_FAILED, false);
	}
}

enum step
job_download(struct job *j)
{
	if (j->number != 0)
		return STEP_GO_ON;
	j->unpack.part = &j->part;
	j->unpack.name = j->name;
	j->unpack.content = j->record.format;
	j->unpack.wide = j->sha512[0] != '\0';
	if (unpack_start(&j->unpack, &j->error) == -1)
		return job_fail(j, TOOL_FAILED, false);
	j->unpacking = true;
	return download(j);
}

static enum step
compare(struct job *j, const char *what, const char *got, const char *want)
{
	if (want[0] == '\0' || strcmp(got, want) == 0)
		return STEP_GO_ON;
	diag_set(&j->error, "its %s is %s, not %s", what, got, want);
	/* A list may have been newer than the image, and be right next time. */
	return bad_download(j, j->listed ? TOOL_FAILED : JOB_REFUSED);
}

enum step
job_verify(struct job *j)
{
	if (j->number != 0)
		return STEP_GO_ON;
	if (compare(j, "SHA-256", j->unpack.sha256, j->sha256) !=
	    STEP_GO_ON ||
	    compare(j, "SHA-512", j->unpack.sha512, j->sha512) != STEP_GO_ON)
		return STEP_FAILED;
	/* The server has another mark for it, and that is all. */
	if (!j->wanted && j->have.digest != NULL &&
	    strcmp(j->have.digest, j->unpack.sha256) == 0)
		return STEP_OVER;
	return STEP_GO_ON;
}

/* --- other formats -------------------------------------------------------- */

static void
on_convert(void *arg)
{
	struct job *j = arg;

	report_tick(&j->report, STATUS_DECOMPRESSING, j->part.len,
	    j->part.len);
}

static void
work_path(char dst[PATH_MAX], const struct job *j, const char *suffix)
{
	char file[WORK_FILE_SIZE];

	fetched_work(file, j->name, suffix);
	strlcpy(dst, j->dir, PATH_MAX);
	strlcat(dst, "/", PATH_MAX);
	strlcat(dst, file, PATH_MAX);
}

enum step
job_convert(struct job *j)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct convert c = { .from = from, .to = to, .stop = j->options->stop,
		.driver = j->unpack.driver, .tick = on_convert, .arg = j };
	enum convert_result rc;

	if (j->number != 0)
		return STEP_GO_ON;
	j->ready = j->unpack.filtered ? WORK_IMAGE : WORK_PART;
	j->size = j->unpack.size;
	if (c.driver == NULL)
		return STEP_GO_ON;
	work_path(from, j, j->ready);
	work_path(to, j, WORK_RAW);
	/* Whoever was killed here has left a child, which goes on writing. */
	unlink(to);
	rc = convert_run(&c, &j->error);
	if (rc == CONVERT_STOPPED)
		return job_fail(j, TOOL_FAILED, false);
	if (rc != CONVERT_DONE)
		return bad_download(j, rc == CONVERT_REFUSED ? JOB_REFUSED :
		    TOOL_FAILED);
	j->ready = WORK_RAW;
	return STEP_GO_ON;
}
