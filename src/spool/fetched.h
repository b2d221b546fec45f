/*
 * fetched: images that nbdmux-fetch made, DATA/images/NAME-N.img, and beside
 * each NAME-N.ini with what it is of.  No other file there is ever removed.
 */
#ifndef SPOOL_FETCHED_H
#define SPOOL_FETCHED_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/keys.h"
#include "spool/name.h"
#include "spool/places.h"
#include "spool/record.h"
#include "spool/view.h"

#define FETCHED_FORMAT 1
#define FETCHED_FILE_SIZE (NAME_MAX_LEN + 32)

struct fetched {
	uint64_t format;
	char *source, *sha256, *sha512; /* as the entry had them */
	unsigned content;               /* enum record_content, likewise */
	char *etag, *modified;          /* of the server's answer, or NULL */
	char *digest;                   /* SHA-256 of what was downloaded */
	uint64_t bytes;                 /* that were downloaded */
	uint64_t size;                  /* of the image */
	uint64_t completed;             /* s since the epoch */
};

extern const struct key fetched_keys[];

/* DATA/images, resolved when it is there. */
void fetched_dir(const struct places *p, char path[PATH_MAX]);

/* "disk", 3 -> "disk-3.img"; and back, false when it is no such name. */
void fetched_file(char file[FETCHED_FILE_SIZE], const char *name, uint64_t n,
    const char *suffix);
bool fetched_parse(const char *file, char name[NAME_SIZE], uint64_t *n,
    const char *suffix);

/* 1 read, 0 there is none, -1 with d set.  Clear f in any case. */
int fetched_read(int imagesfd, const char *name, uint64_t n, struct fetched *f,
    struct diag *d);
int fetched_write(int imagesfd, const char *name, uint64_t n,
    const struct fetched *f, struct diag *d);
void fetched_clear(struct fetched *f);

/* Whether it was fetched for a record that asks for the same. */
bool fetched_fits(const struct fetched *f, const struct record *r);

/* The number of the record's image in dir, when it is one of ours; or 0. */
uint64_t fetched_number(const struct record *r, const char *name,
    const char *dir);

/*
 * An entry with a source is to be fetched until its image is one that was
 * fetched for the same source, sums and format, and is there.
 */
bool fetched_wanted(const struct record *r, const char *name, const char *dir);

/* The numbers of all that are there of an export, ascending; to be freed. */
int fetched_list(int imagesfd, const char *name, uint64_t **list,
    size_t *count, struct diag *d);

/*
 * Files of a fetch in progress, ".NAME" and a suffix; all of them go, unless
 * somebody is at work with them.
 */
#define WORK_PART ".part" /* the download */
#define WORK_FACTS ".ini" /* of what it is */
#define WORK_IMAGE ".img" /* decompressed */
#define WORK_RAW ".raw"   /* converted */
#define WORK_BUNDLE "~boot" /* the download of what boots it: no export has */
#define WORK_BUNDLE_FACTS "~boot.ini" /* such a name */
#define WORK_FILE_SIZE (NAME_SIZE + 16)
void fetched_work(char file[WORK_FILE_SIZE], const char *name,
    const char *suffix);
void fetched_clean(int imagesfd, const char *name);

/* Whether the download of what boots it was interrupted. */
bool fetched_unbooted(int imagesfd, const char *name);
void fetched_clean_bundle(int imagesfd, const char *name);

/*
 * Remove the export's fetched images, but for those that an entry of the
 * view names; with a bad entry in it nobody knows, and all stay.  How many
 * went, or -1 with d set.
 */
int fetched_remove(const char *dir, const char *name, const struct view *v,
    struct diag *d);

#endif
