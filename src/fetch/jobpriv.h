/* jobpriv: what the files of job share: the job as it goes. */
#ifndef FETCH_JOBPRIV_H
#define FETCH_JOBPRIV_H

#include "fetch/digest.h"
#include "fetch/job.h"
#include "fetch/part.h"
#include "fetch/report.h"
#include "fetch/unpack.h"
#include "fetch/web.h"
#include "tool/entry.h"

struct job {
	struct tool *tool;
	const char *name;
	const struct job_options *options;
	int status;          /* when a step fails: the exit status */
	bool dirty;          /* and what there is of the download is no good */
	struct diag error;   /* and why */

	struct record record; /* what the entry asks for */
	struct stamp stamp;   /* and its version */
	char dir[PATH_MAX];   /* DATA/images */
	int imagesfd, lockfd;
	bool wanted;          /* there is no image of that yet */
	struct fetched have;  /* what there is, when there is */

	struct report report;
	struct web web;
	struct part part;
	struct unpack unpack;
	bool open, unpacking; /* web and part are; the thread runs */
	char sha256[DIGEST_SIZE], sha512[DIGEST_SIZE]; /* wanted; "": any */
	bool listed;          /* a list of sums said so */

	bool booted;          /* there is something new to boot it */
	const char *ready;    /* suffix of the work file that is the image */
	uint64_t size;        /* of it */
	uint64_t number;      /* of the new image; 0: it has none yet */
};

/* What a step says: go on, there is nothing more to do, it has failed. */
enum step { STEP_GO_ON, STEP_OVER, STEP_FAILED };

/* A step fails with this status and what error says; dirty: start anew. */
enum step job_fail(struct job *j, int status, bool dirty);

/* A web for the job's requests: 0, or -1 with d set. */
int job_web(struct job *j, struct web *w, struct diag *d);

/*
 * After the last step, and when there is nothing to fetch (over): the bundle
 * that the cache's catalog has for the image.  Without it the image is served
 * all the same: what went wrong is in error, and the job is done.
 */
void job_netboot(struct job *j, bool over);

/* The steps, in their order. */
enum step job_entry(struct job *j);    /* read what is asked for */
enum step job_places(struct job *j);   /* directories and the lock */
enum step job_leftover(struct job *j); /* an image that was all but there */
enum step job_sums(struct job *j);     /* what it is to be */
enum step job_download(struct job *j);
enum step job_verify(struct job *j);
enum step job_convert(struct job *j);
enum step job_store(struct job *j);    /* under its name, on the disk */
enum step job_register(struct job *j); /* the next generation */

/* When nothing failed: the images before are not needed. */
void job_sweep(struct job *j);

#endif
