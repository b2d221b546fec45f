/*
 * part: the download as far as it has come, .NAME.part, with what it is of in
 * .NAME.ini (a bundle's: .NAME~boot and .NAME~boot.ini), so that another
 * process can go on with it.  One thread writes it while another reads what is
 * there.
 */
#ifndef FETCH_PART_H
#define FETCH_PART_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "spool/fetched.h"

/* What is kept of it. */
struct part_facts {
	char *source;
	char *etag, *modified; /* of the server's answer, or NULL */
	uint64_t total;        /* bytes; 0: the server did not say */
	uint64_t safe;         /* bytes that a crash does not take away */
	char *boot;            /* of the machine, when this was written */
};

struct part {
	int imagesfd; /* borrowed */
	int fd;
	char file[WORK_FILE_SIZE], facts_file[WORK_FILE_SIZE];
	struct part_facts facts;
	uint64_t len;   /* bytes, those in the buffer too */
	uint64_t begun; /* of them were there when it was opened */
	char *buffer;   /* owned: what is not written yet */
	size_t used;

	pthread_mutex_t lock; /* of the rest */
	pthread_cond_t more;
	uint64_t there;  /* bytes in the file */
	unsigned epoch;  /* counts how often it began anew */
	bool ended;      /* there will be no more */
	bool aborted;    /* by either side */
};

enum part_kind { PART_IMAGE, PART_BUNDLE };

/*
 * Open, or make, the download of this source.  What is there of another one,
 * or may be damaged, is thrown away.  -1 with errno and d set.
 */
int part_open(struct part *p, int imagesfd, const char *name,
    enum part_kind kind, const char *source, struct diag *d);
void part_close(struct part *p); /* the files stay */

/* --- the writer --- */

/* Throw away what is there. */
int part_restart(struct part *p, struct diag *d);

/* A new answer of the server, of which what follows is a part. */
int part_describe(struct part *p, const char *etag, const char *modified,
    uint64_t total, struct diag *d);

/* Whether the server can be asked for the rest of just this version. */
bool part_resumable(const struct part *p);

int part_write(struct part *p, const void *data, size_t len, struct diag *d);
int part_flush(struct part *p, struct diag *d); /* lets the reader see it */
void part_end(struct part *p);

/* --- the reader --- */

enum part_read { PART_DATA, PART_END, PART_ANEW, PART_ABORTED, PART_ERROR };

/* Bytes from an offset; waits for them.  epoch is what part_epoch() said. */
enum part_read part_read(struct part *p, unsigned epoch, uint64_t offset,
    void *dst, size_t size, size_t *got);
unsigned part_epoch(struct part *p);

/* Either side */
void part_abort(struct part *p);
bool part_aborted(struct part *p);

#endif
