/*
 * creds: what the server proves itself with and how it checks its clients.
 * Immutable once loaded and refcounted: a connection keeps what it began with,
 * a reload makes new ones.
 *
 * Without GnuTLS the same functions are there (absent.c) and refuse.
 */
#ifndef TLS_CREDS_H
#define TLS_CREDS_H

#include <stdbool.h>

#include "base/diag.h"

enum tls_verify {
	TLS_VERIFY_NO,       /* clients are not asked for a certificate */
	TLS_VERIFY_OPTIONAL, /* one that is shown must be good */
	TLS_VERIFY_REQUIRED  /* a good one must be shown */
};

/* Files, NULL for none: a certificate with its key, or users, or both. */
struct tls_options {
	const char *certificate, *key;
	const char *ca;       /* signs the clients' certificates */
	const char *psk_file; /* of psktool(1) */
	const char *priority; /* GnuTLS's words; NULL: TLS 1.2 and newer */
	enum tls_verify verify;
};

struct tls_creds;

/* Whether this program was built with TLS; -1 with d set. */
int tls_available(struct diag *d);

/* Read the files (may block).  NULL with d set: which file, what is wrong. */
struct tls_creds *tls_creds_load(const struct tls_options *o, struct diag *d);
struct tls_creds *tls_creds_ref(struct tls_creds *c);
void tls_creds_unref(struct tls_creds *c); /* NULL is allowed */

#endif
