/* record: what NAME.ini in the spool says, as a struct. */
#ifndef SPOOL_RECORD_H
#define SPOOL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/keys.h"

#define RECORD_SECTION "export"
#define RECORD_FILE_MAX (64 * 1024)

enum mode { MODE_RO, MODE_RW, MODE_COW };
extern const char *const mode_names[];
extern const char *const record_tls_names[];
enum record_tls { RECORD_TLS_OPTIONAL, RECORD_TLS_REQUIRE };

struct record {
	char *image; /* absolute path; may be NULL when there is a source */
	char *description;
	unsigned mode;
	uint64_t block_min, block_preferred, block_max; /* 0: the default */
	uint64_t max_clients;                           /* 0: no limit */
	bool exclusive; /* one connection at a time */
	char *allow; /* addresses and identities; NULL: everybody */
	unsigned tls; /* enum record_tls */
	char *source; /* URL that the image is fetched from; NULL: nowhere */
	char *sha256, *sha512; /* of the download: hexadecimal, or where the
	                        * list is; NULL: not checked */
	unsigned format;       /* enum record_content, of the download */
	char *kernel, *initrd; /* absolute paths: both or none */
	char *cmdline;         /* for the kernel, after what boots the export */
};


/* What a download is to be; the names begin with these two. */
enum record_content { CONTENT_AUTO, CONTENT_RAW };
extern const char *const record_content_names[];

extern const struct key record_keys[];

void record_init(struct record *r);
void record_clear(struct record *r);

/*
 * Text <-> struct.  record_parse() wants a cleared or zeroed struct and
 * leaves a cleared one on errors; besides each key it checks what keys say
 * together (record_check: block sizes against each other).
 */
int record_parse(struct record *r, const char *text, size_t len,
    const char *file, struct diag *d);
int record_check(const struct record *r, struct diag *d);
int record_format(const struct record *r, struct buf *b, struct diag *d);
bool record_equal(const struct record *a, const struct record *b);
/* Whether clients would notice no difference: all keys but KEY_BESIDE. */
bool record_serves_same(const struct record *a, const struct record *b);
/* Whether both want the same fetched: source, sums, format. */
bool record_fetches_same(const struct record *a, const struct record *b);
int record_copy(struct record *dst, const struct record *src);

/*
 * The block sizes that clients are told: the record's, or the protocol's
 * defaults (proto.md, "Size constraints") where it says nothing.
 */
struct record_blocks {
	uint64_t min, preferred, max; /* bytes */
};
void record_blocks(const struct record *r, struct record_blocks *b);

#define RECORD_ALLOW_VSOCK "vsock:" /* before a CID, or '*' */

/* One address or network, "10.0.0.0/8", "::1", "vsock:3": 0 or -1, d set. */
int record_check_cidr(const char *text, struct diag *d);

/* Whether a sum is one, and not the place of a list of them. */
bool record_is_sum(const char *value);

/* One item of "allow": such an address, "cn:NAME" or "psk:USER". */
#define RECORD_ALLOW_CN "cn:"
#define RECORD_ALLOW_PSK "psk:"
int record_check_allow(const char *text, struct diag *d);

/* Whether clients must encrypt: nobody can prove a name of "allow" in clear. */
bool record_needs_tls(const struct record *r);

#endif
