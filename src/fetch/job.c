/* job: the steps, and what is left when one fails. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "fetch/jobpriv.h"
#include "spool/config.h"
#include "tool/tell.h"

static enum step (*const steps[])(struct job *) = {
	job_entry,
	job_places,
	job_leftover,
	job_sums,
	job_download,
	job_verify,
	job_convert,
	job_store,
	job_register,
};

enum step
job_fail(struct job *j, int status, bool dirty)
{
	j->status = status;
	j->dirty = j->dirty || dirty;
	return STEP_FAILED;
}

/* --- the first steps ------------------------------------------------------ */

static int
read_entry(struct job *j)
{
	struct entry e;
	int rc = -1;

	record_clear(&j->record);
	if (entry_open(&e, j->tool, j->name, &j->error) == -1)
		return -1;
	j->status = TOOL_FAILED;
	if (!e.existed) {
		j->status = TOOL_ABSENT;
		diag_set(&j->error, "there is no export %s", j->name);
	} else if (record_parse(&j->record, e.old.len > 0 ? e.old.data : "",
	    e.old.len, e.file, &j->error) == 0) {
		rc = j->record.source != NULL ? 0 : diag_set(&j->error,
		    "%s has no source to be fetched from", j->name);
	}
	j->stamp = e.stamp;
	entry_close(&e);
	return rc;
}

/* What came of it is one line, too. */
static void
record_end(struct job *j, enum step step)
{
	bool failed = step == STEP_FAILED;
	struct event e;

	if (j->report.state.format == 0)
		return; /* it has not begun */
	tell_begin(&e, j->tool, failed ? "fetch-failed" : step == STEP_OVER ?
	    "fetch-unchanged" : "fetch-done", j->name);
	json_string(&e.json, "source", j->record.source);
	json_number(&e.json, "bytes", j->report.state.bytes_done);
	json_number(&e.json, "seconds", (uint64_t)time(NULL) -
	    j->report.state.started);
	if (failed)
		json_string(&e.json, "error", *j->options->stop ?
		    "interrupted" : j->error.text);
	else if (step == STEP_GO_ON && j->unpack.sha256[0] != '\0')
		json_string(&e.json, "sha256", j->unpack.sha256);
	tell_end(&e, j->tool);
}

static void
record_begin(struct job *j)
{
	struct event e;

	tell_begin(&e, j->tool, "fetch-started", j->name);
	json_string(&e.json, "source", j->record.source);
	json_bool(&e.json, "refresh", !j->wanted);
	tell_end(&e, j->tool);
}

enum step
job_entry(struct job *j)
{
	return read_entry(j) == 0 ? STEP_GO_ON : STEP_FAILED;
}

static void
read_have(struct job *j)
{
	uint64_t n = fetched_number(&j->record, j->name, j->dir);

	fetched_clear(&j->have);
	j->wanted = fetched_wanted(&j->record, j->name, j->dir);
	if (!j->wanted && fetched_read(j->imagesfd, j->name, n, &j->have,
	    NULL) != 1)
		j->wanted = true;
}

/* What was true before the lock was ours need not be any more. */
static enum step
look_again(struct job *j)
{
	if (read_entry(j) == -1)
		return STEP_FAILED;
	read_have(j);
	return j->wanted || j->options->refresh ? STEP_GO_ON : STEP_OVER;
}

enum step
job_places(struct job *j)
{
	int statefd;

	j->imagesfd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->imagesfd == -1) {
		diag_errno(&j->error, "cannot open %s", j->dir);
		return job_fail(j, TOOL_FAILED, false);
	}
	j->lockfd = fetch_lock(j->imagesfd, j->name, &j->error);
	if (j->lockfd == -1)
		return job_fail(j, errno == EAGAIN ? JOB_BUSY : TOOL_FAILED,
		    false);
	statefd = open(j->tool->places.state, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	if (statefd != -1) {
		j->report.fetchfd = fetch_open(statefd, true, NULL);
		close(statefd);
	}
	return look_again(j);
}

/* Complete and on the disk, but its maker died before the entry named it. */
enum step
job_leftover(struct job *j)
{
	uint64_t *list, now = fetched_number(&j->record, j->name, j->dir);
	struct fetched f = { 0 };
	size_t count;

	report_begin(&j->report, &j->stamp, !j->wanted);
	record_begin(j);
	if (fetched_list(j->imagesfd, j->name, &list, &count, &j->error) == -1)
		return job_fail(j, TOOL_FAILED, false);
	for (size_t i = count; i > 0 && list[i - 1] > now; i--) {
		char file[FETCHED_FILE_SIZE];

		fetched_file(file, j->name, list[i - 1], ".img");
		if (faccessat(j->imagesfd, file, F_OK, 0) == 0 &&
		    fetched_read(j->imagesfd, j->name, list[i - 1], &f,
		    NULL) == 1 && fetched_fits(&f, &j->record))
			j->number = list[i - 1];
		fetched_clear(&f);
		if (j->number != 0)
			break;
	}
	free(list);
	return STEP_GO_ON;
}

/* --- the end -------------------------------------------------------------- */

static void
remove_work(const struct job *j, bool download, bool rest)
{
	static const char *const all[] = { WORK_PART, WORK_FACTS, WORK_IMAGE,
		WORK_RAW };
	char file[WORK_FILE_SIZE];

	for (size_t i = 0; i < 4; i++) {
		if (i < 2 ? !download : !rest)
			continue;
		fetched_work(file, j->name, all[i]);
		unlinkat(j->imagesfd, file, 0);
	}
}

static void
close_parts(struct job *j)
{
	if (j->unpacking) {
		part_abort(&j->part);
		unpack_join(&j->unpack);
		close(j->unpack.outfd);
	}
	if (j->open) {
		part_close(&j->part);
		web_close(&j->web);
	}
}

static void
tell(struct job *j, enum step step)
{
	if (j->report.state.format == 0)
		return; /* it has not begun */
	if (step != STEP_FAILED)
		report_end(&j->report, STATUS_READY, j->error.text[0] != '\0' ?
		    j->error.text : NULL);
	else if (*j->options->stop)
		report_end(&j->report, STATUS_QUEUED, NULL);
	else if (j->status != JOB_BUSY && j->status != TOOL_ABSENT)
		report_end(&j->report, STATUS_FAILED, j->error.text);
	else
		fetch_remove(j->report.fetchfd, j->name);
}

static void
finish(struct job *j, enum step step)
{
	bool failed = step == STEP_FAILED;

	/* Of nothing there is nothing to be gone on with. */
	if (j->open && j->part.len == 0)
		j->dirty = true;
	close_parts(j);
	record_end(j, step);
	if (j->lockfd != -1) {
		if (!failed)
			job_sweep(j);
		remove_work(j, !failed || j->dirty, true);
		tell(j, step);
		fetch_unlock(j->imagesfd, j->name, j->lockfd);
	}
	progress_end(&j->report.progress);
	if (j->report.fetchfd != -1)
		close(j->report.fetchfd);
	if (j->imagesfd != -1)
		close(j->imagesfd);
	fetched_clear(&j->have);
}

static enum step
do_steps(struct job *j)
{
	enum step step = STEP_GO_ON;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) &&
	    step == STEP_GO_ON; i++)
		step = steps[i](j);
	if (step == STEP_FAILED)
		return step;
	/* What was tried in vain on the way is no matter now. */
	j->error.text[0] = '\0';
	job_netboot(j, step == STEP_OVER);
	return step;
}

static int
conclude(const struct job *j, enum step step, enum job_word *word)
{
	bool failed = step == STEP_FAILED;

	*word = failed ? JOB_FAILED_WORD : step == STEP_OVER && !j->booted ?
	    JOB_UNCHANGED : JOB_FETCHED;
	if (!failed && j->error.text[0] != '\0' && !j->options->silent)
		tool_say(j->tool, "%s", j->error.text);
	if (!failed)
		return TOOL_OK;
	if (j->options->silent)
		return j->status;
	if (*j->options->stop)
		return tool_fail(j->tool, TOOL_FAILED, "interrupted; what "
		    "there is of %s is kept", j->name);
	return tool_fail(j->tool, j->status, "cannot fetch %s: %s", j->name,
	    j->error.text);
}

int
job_run(struct tool *t, const char *name, const struct job_options *o,
    enum job_word *word)
{
	struct job j = { .tool = t, .name = name, .options = o,
		.imagesfd = -1, .lockfd = -1, .report = { .tool = t,
		.name = name, .fetchfd = -1 } };
	enum step step;

	j.report.record = &j.record;
	j.status = TOOL_FAILED;
	fetched_dir(&t->places, j.dir);
	progress_begin(&j.report.progress, o->quiet ? NULL : stderr);
	step = do_steps(&j);
	finish(&j, step);
	record_clear(&j.record);
	return conclude(&j, step, word);
}
