/* impl: what the files of this folder share. */
#ifndef TLS_IMPL_H
#define TLS_IMPL_H

#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdatomic.h>

#include "tls/channel.h"

#define TLS_FILE_MAX (1024 * 1024)
#define TLS_RECORD 16384      /* RFC 8446, 5.1: the most in one record */
#define TLS_RECORD_ROOM 18432 /* with all that may be around and before it */

/* Users and their keys, sorted by name. */
struct psk_user {
	gnutls_datum_t name, key; /* owned: gnutls_free() */
};
struct psk_table {
	size_t count;
	struct psk_user *users;
};

struct tls_creds {
	atomic_uint refs;
	enum tls_verify verify;
	gnutls_priority_t priority;
	gnutls_certificate_credentials_t x509; /* NULL: none */
	gnutls_psk_server_credentials_t psk;   /* NULL: none */
	struct psk_table users;
};

/* What is borrowed to make records without GnuTLS, see seal.c. */
struct seal {
	gnutls_aead_cipher_hd_t aead; /* NULL: none yet */
	unsigned char key[32], iv[12];
	size_t key_size, tag;
	uint64_t number; /* of the next record */
};

/* What of an application's bytes comes next; no empty piece is the next. */
struct cursor {
	const struct iovec *iov;
	size_t count, at;
};

struct tls_channel {
	gnutls_session_t session;
	struct tls_creds *creds; /* held */
	struct pool *pool;       /* borrowed */
	struct chunk *in, *out;  /* NULL: nothing is there */
	bool ended;              /* the network has no more */
	bool established;        /* the handshake is done */
	bool over;               /* the client said its bye, or ended */
	bool bye;                /* we said ours */
	bool blocked;            /* what came in waits for room in out */
	bool failed;
	bool full;               /* GnuTLS has sent a record of TLS_RECORD */
	bool rekey;              /* the client has sent or wants new keys */
	struct seal seal;
	unsigned idle;           /* reads in a row that took nothing in */
	struct diag error;
};

/* channel.c: bytes received and not taken by GnuTLS yet; room for output, 0
 * when there is no memory; give a chunk back when it is empty. */
size_t channel_waiting(const struct tls_channel *t);
size_t channel_room(struct tls_channel *t);
void channel_release(struct tls_channel *t, struct chunk **c);

/* record.c: n bytes of the piece are done. */
void cursor_move(struct cursor *c, size_t n);

/*
 * seal.c: data records without GnuTLS, from seal_begin(), if it is possible
 * now, to seal_end(); between them nothing else may be sent.  There are
 * seal_room() bytes in out; what it returns is as from gnutls_record_send().
 */
size_t seal_room(const struct cursor *c);
bool seal_begin(struct tls_channel *t);
ssize_t seal_record(struct tls_channel *t, struct cursor *c);
int seal_end(struct tls_channel *t);
void seal_clear(struct seal *s);

/* psk.c: read psktool's file; the callback that finds a user's key. */
int psk_load(struct psk_table *t, const char *file, struct diag *d);
void psk_clear(struct psk_table *t);
int psk_find(gnutls_session_t session, const gnutls_datum_t *name,
    gnutls_datum_t *key);

/* verify.c: the callback that judges a client's certificate. */
int verify_client(gnutls_session_t session);

/* A reason that is better than GnuTLS's number, from within a callback. */
void tls_channel_blame(gnutls_session_t session, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
