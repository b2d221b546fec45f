/*
 * jobput: the steps that make a complete image the export's: its file, the
 * entry, and the end of the image before.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fetch/jobpriv.h"
#include "spool/publish.h"
#include "spool/view.h"
#include "tool/submission.h"

#define HEAR_SECONDS 10
#define SWEEP_AGE 600 /* s; no writer takes that long between two steps */

/* --- the file ------------------------------------------------------------- */

static int
sync_image(struct job *j, const char *file)
{
	int fd = openat(j->imagesfd, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int rc = -1;

	if (fd == -1)
		return diag_errno(&j->error, "cannot open %s", file);
	if (fchmod(fd, 0644) == -1 || fsync(fd) == -1 || fstat(fd, &st) == -1)
		diag_errno(&j->error, "cannot write %s to the disk", file);
	else if (st.st_size == 0)
		diag_set(&j->error, "it is empty");
	else
		rc = 0;
	j->size = rc == 0 ? (uint64_t)st.st_size : 0;
	close(fd);
	return rc;
}

static int
write_facts(struct job *j, uint64_t n)
{
	struct fetched f = {
		.format = FETCHED_FORMAT,
		.source = j->record.source,
		.sha256 = j->record.sha256,
		.sha512 = j->record.sha512,
		.content = j->record.format,
		.etag = j->part.facts.etag,
		.modified = j->part.facts.modified,
		.digest = j->unpack.sha256,
		.bytes = j->part.len,
		.size = j->size,
		.completed = (uint64_t)time(NULL),
	};

	return fetched_write(j->imagesfd, j->name, n, &f, &j->error);
}

static uint64_t
next_number(struct job *j)
{
	uint64_t *list, n = 1;
	size_t count;

	if (fetched_list(j->imagesfd, j->name, &list, &count, &j->error) == -1)
		return 0;
	if (count > 0)
		n = list[count - 1] + 1;
	free(list);
	return n;
}

/*
 * The facts come first: an image without them would never be removed, facts
 * without an image are nothing.
 */
enum step
job_store(struct job *j)
{
	char from[WORK_FILE_SIZE], to[FETCHED_FILE_SIZE];
	uint64_t n;

	if (j->number != 0)
		return STEP_GO_ON;
	fetched_work(from, j->name, j->ready);
	n = next_number(j);
	if (n == 0 || sync_image(j, from) == -1 || write_facts(j, n) == -1)
		return job_fail(j, TOOL_FAILED, false);
	fetched_file(to, j->name, n, ".img");
	if (renameat(j->imagesfd, from, j->imagesfd, to) == -1 ||
	    (fsync(j->imagesfd) == -1 && errno != EINVAL)) {
		diag_errno(&j->error, "cannot make %s", to);
		return job_fail(j, TOOL_FAILED, false);
	}
	j->number = n;
	return STEP_GO_ON;
}

/* --- the entry ------------------------------------------------------------ */

/* The new image is nobody's. */
static void
discard(struct job *j)
{
	char file[FETCHED_FILE_SIZE];

	fetched_file(file, j->name, j->number, ".img");
	unlinkat(j->imagesfd, file, 0);
	fetched_file(file, j->name, j->number, ".ini");
	unlinkat(j->imagesfd, file, 0);
}

static int
set_image(struct job *j, struct record *r)
{
	char file[FETCHED_FILE_SIZE], *path;

	fetched_file(file, j->name, j->number, ".img");
	if (asprintf(&path, "%s/%s", j->dir, file) == -1)
		return diag_errno(&j->error, "cannot name %s", file);
	free(r->image);
	r->image = path;
	return 0;
}

/* As it is now, with the new image: 0, or -1 with the status set. */
static int
new_record(struct job *j, const struct entry *e, struct record *r)
{
	j->status = TOOL_FAILED;
	if (!e->existed) {
		j->status = TOOL_ABSENT;
		return diag_set(&j->error, "%s was removed meanwhile",
		    j->name);
	}
	if (record_parse(r, e->old.len > 0 ? e->old.data : "", e->old.len,
	    e->file, &j->error) == -1)
		return -1;
	if (!record_fetches_same(r, &j->record))
		return diag_set(&j->error, "somebody changed what %s is to be "
		    "meanwhile", j->name);
	return set_image(j, r);
}

static enum answer
submit(struct job *j, struct submission *s, const struct record *r)
{
	enum answer answer;

	s->record = r;
	if (entry_write(&s->entry, r, &j->error) != 0)
		return ANSWER_OTHER;
	await_begin(&s->await, j->tool);
	await_limit(&s->await, HEAR_SECONDS);
	answer = submission_hear(s);
	await_end(&s->await);
	return answer;
}

static enum step
conclude(struct job *j, struct submission *s, enum answer answer)
{
	switch (answer) {
	case ANSWER_OTHER:
		if (j->error.text[0] == '\0')
			diag_set(&j->error, "somebody changed %s meanwhile",
			    s->entry.file);
		return job_fail(j, TOOL_FAILED, false);
	case ANSWER_REFUSED:
		diag_set(&j->error, "the daemon refuses the image: %s",
		    s->state.error != NULL ? s->state.error :
		    "it gives no reason");
		entry_restore(&s->entry, NULL);
		return job_fail(j, JOB_REFUSED, true);
	default:
		return STEP_GO_ON;
	}
}

enum step
job_register(struct job *j)
{
	struct submission s;
	struct record r = { 0 };
	enum step step = STEP_FAILED;

	submission_init(&s, j->tool, j->name);
	j->error.text[0] = '\0';
	if (entry_open(&s.entry, j->tool, j->name, &j->error) == 0 &&
	    new_record(j, &s.entry, &r) == 0)
		step = conclude(j, &s, submit(j, &s, &r));
	/* Unless the entry has it by now. */
	if (step == STEP_FAILED && (r.image == NULL ||
	    !entry_adopt(&s.entry, j->name, &r))) {
		discard(j);
		j->dirty = true;
	}
	submission_close(&s);
	record_clear(&r);
	return step;
}

/* --- the image before ----------------------------------------------------- */

static bool
has_several(const struct job *j)
{
	uint64_t *list = NULL;
	size_t count = 0;

	if (fetched_list(j->imagesfd, j->name, &list, &count, NULL) == -1)
		return false;
	free(list);
	return count > 1;
}

/*
 * Clients that still use it have it open.  What cannot be removed now, or was
 * left by one who was killed, is found the next time, also when there is
 * nothing new.
 */
void
job_sweep(struct job *j)
{
	struct view *v = NULL;
	struct diag d;

	publish_sweep(j->imagesfd, SWEEP_AGE);
	publish_sweep(j->tool->spoolfd, SWEEP_AGE);
	if (j->report.fetchfd != -1)
		publish_sweep(j->report.fetchfd, SWEEP_AGE);
	if (!has_several(j))
		return;
	if (view_read(j->tool->spoolfd, NULL, &v, &d) == 0 &&
	    fetched_remove(j->dir, j->name, v, &d) == -1)
		tool_say(j->tool, "the image before stays: %s", d.text);
	view_free(v);
}
