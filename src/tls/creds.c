/*
 * creds: files to credentials, each step with its own complaint.  The files
 * are read here and not by GnuTLS, which would not say which one is wrong and
 * would read the users' again at each handshake.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tls/impl.h"

/*
 * RFC 8996: what is older than TLS 1.2 is not to be spoken any more, nor what
 * does not authenticate as it encrypts.  AES with keys of 128 bits first: of
 * the sound ones it is the fastest, 1.1 to 1.2 times AES-256 here.
 */
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:" \
    "+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:%SERVER_PRECEDENCE"
#define PRIORITY_PSK PRIORITY ":+ECDHE-PSK:+DHE-PSK:+PSK"

int
tls_available(struct diag *d)
{
	(void)d;
	return 0;
}

/* The caller frees the buffer, and forgets what is in it. */
static int
read_file(struct buf *b, const char *file, struct diag *d)
{
	buf_init(b, TLS_FILE_MAX);
	return file_read(AT_FDCWD, file, false, b, NULL, d);
}

static void
forget(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->len);
	buf_free(b);
}

static gnutls_datum_t
datum(const struct buf *b)
{
	return (gnutls_datum_t) {
		.data = (unsigned char *)b->data, .size = (unsigned)b->len,
	};
}

static int
load_key(gnutls_x509_privkey_t key, const char *file, struct diag *d)
{
	gnutls_datum_t text;
	struct buf b;
	int rc = read_file(&b, file, d);

	if (rc == 0) {
		text = datum(&b);
		rc = gnutls_x509_privkey_import2(key, &text,
		    GNUTLS_X509_FMT_PEM, NULL, 0);
		if (rc == GNUTLS_E_DECRYPTION_FAILED)
			rc = diag_set(d, "%s: the private key is encrypted; "
			    "remove its password", file);
		else if (rc < 0)
			rc = diag_set(d, "%s: no private key in PEM format: %s",
			    file, gnutls_strerror(rc));
	}
	forget(&b);
	return rc;
}

/* The server's certificate first, then those that lead to its root. */
static int
load_chain(gnutls_x509_crt_t **chain, unsigned *count, const char *file,
    struct diag *d)
{
	gnutls_datum_t text;
	struct buf b;
	int rc = read_file(&b, file, d);

	if (rc == 0) {
		text = datum(&b);
		rc = gnutls_x509_crt_list_import2(chain, count, &text,
		    GNUTLS_X509_FMT_PEM, 0);
		if (rc < 0)
			rc = diag_set(d, "%s: no certificate in PEM format: %s",
			    file, gnutls_strerror(rc));
	}
	buf_free(&b);
	return rc < 0 ? -1 : 0;
}

static int
use_pair(struct tls_creds *c, const struct tls_options *o,
    gnutls_x509_privkey_t key, struct diag *d)
{
	gnutls_x509_crt_t *chain = NULL;
	unsigned count = 0;
	int rc;

	if (load_chain(&chain, &count, o->certificate, d) == -1)
		return -1;
	rc = gnutls_certificate_set_x509_key(c->x509, chain, (int)count, key);
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return diag_set(d, "the key %s does not belong to the "
		    "certificate %s", o->key, o->certificate);
	if (rc < 0)
		return diag_set(d, "cannot use the certificate %s: %s",
		    o->certificate, gnutls_strerror(rc));
	return 0;
}

static int
load_pair(struct tls_creds *c, const struct tls_options *o, struct diag *d)
{
	gnutls_x509_privkey_t key;
	int rc;

	if (gnutls_x509_privkey_init(&key) < 0)
		return diag_set(d, "cannot read the key %s: out of memory",
		    o->key);
	rc = load_key(key, o->key, d);
	if (rc == 0)
		rc = use_pair(c, o, key, d);
	gnutls_x509_privkey_deinit(key);
	return rc;
}

static int
load_ca(struct tls_creds *c, const char *file, struct diag *d)
{
	gnutls_datum_t text;
	struct buf b;
	int rc = read_file(&b, file, d);

	if (rc == 0) {
		text = datum(&b);
		rc = gnutls_certificate_set_x509_trust_mem(c->x509, &text,
		    GNUTLS_X509_FMT_PEM);
		if (rc <= 0)
			rc = diag_set(d, "%s: no certificate in PEM format%s%s",
			    file, rc < 0 ? ": " : "",
			    rc < 0 ? gnutls_strerror(rc) : "");
	}
	buf_free(&b);
	return rc < 0 ? -1 : 0;
}

static int
load_x509(struct tls_creds *c, const struct tls_options *o, struct diag *d)
{
	if (gnutls_certificate_allocate_credentials(&c->x509) < 0) {
		c->x509 = NULL;
		return diag_set(d, "cannot set up TLS: out of memory");
	}
	/* For clients of TLS 1.2 that know no group by name (RFC 7919). */
	gnutls_certificate_set_known_dh_params(c->x509,
	    GNUTLS_SEC_PARAM_MEDIUM);
	gnutls_certificate_set_verify_function(c->x509, verify_client);
	if (load_pair(c, o, d) == -1)
		return -1;
	return o->ca == NULL ? 0 : load_ca(c, o->ca, d);
}

static int
load_psk(struct tls_creds *c, const struct tls_options *o, struct diag *d)
{
	if (psk_load(&c->users, o->psk_file, d) == -1)
		return -1;
	if (gnutls_psk_allocate_server_credentials(&c->psk) < 0) {
		c->psk = NULL;
		return diag_set(d, "cannot set up TLS: out of memory");
	}
	gnutls_psk_set_server_known_dh_params(c->psk, GNUTLS_SEC_PARAM_MEDIUM);
	gnutls_psk_set_server_credentials_function2(c->psk, psk_find);
	return 0;
}

static int
set_priority(struct tls_creds *c, const struct tls_options *o, struct diag *d)
{
	const char *wrong, *text = o->priority;
	int rc;

	if (text == NULL)
		text = o->psk_file != NULL ? PRIORITY_PSK : PRIORITY;
	rc = gnutls_priority_init(&c->priority, text, &wrong);
	if (rc >= 0)
		return 0;
	c->priority = NULL;
	if (rc == GNUTLS_E_INVALID_REQUEST)
		return diag_set(d, "GnuTLS does not understand the priorities "
		    "at \"%.80s\"; gnutls-cli --priority-list knows the words",
		    wrong);
	return diag_set(d, "GnuTLS does not take the priorities \"%.80s\": %s",
	    text, gnutls_strerror(rc));
}

static int
load(struct tls_creds *c, const struct tls_options *o, struct diag *d)
{
	c->verify = o->verify;
	if (set_priority(c, o, d) == -1)
		return diag_prefix(d, "\"tls-priority\"");
	if (o->certificate != NULL && load_x509(c, o, d) == -1)
		return -1;
	if (o->psk_file != NULL && load_psk(c, o, d) == -1)
		return diag_prefix(d, "\"tls-psk-file\"");
	return 0;
}

struct tls_creds *
tls_creds_load(const struct tls_options *o, struct diag *d)
{
	struct tls_creds *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		diag_errno(d, "cannot set up TLS");
		return NULL;
	}
	atomic_init(&c->refs, 1);
	if (load(c, o, d) == -1) {
		tls_creds_unref(c);
		return NULL;
	}
	return c;
}

struct tls_creds *
tls_creds_ref(struct tls_creds *c)
{
	if (c != NULL)
		atomic_fetch_add(&c->refs, 1);
	return c;
}

void
tls_creds_unref(struct tls_creds *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	if (c->x509 != NULL)
		gnutls_certificate_free_credentials(c->x509);
	if (c->psk != NULL)
		gnutls_psk_free_server_credentials(c->psk);
	if (c->priority != NULL)
		gnutls_priority_deinit(c->priority);
	psk_clear(&c->users);
	free(c);
}
