/*
 * A client of a TLS channel in memory, by GnuTLS itself, with credentials that
 * are made here: a certificate that signs itself for both sides, and users.
 */
#ifndef T_TLS_CLIENT_H
#define T_TLS_CLIENT_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/buf.h"
#include "tls/channel.h"

#define CLIENT_KEY "00112233445566778899aabbccddeeff"

static char client_dir[] = "/tmp/nbdmux-tls-XXXXXX";
static char cert_file[64], key_file[64], psk_file[64];
static struct budget client_budget = { .limit = 64 << 20 };
static struct pool client_pool;

struct client {
	gnutls_session_t session;
	gnutls_certificate_credentials_t x509;
	gnutls_psk_client_credentials_t psk;
	struct tls_channel *channel;
	size_t step;     /* bytes that are moved at once */
	struct buf in;   /* from the channel, not taken yet */
	size_t taken;
	struct buf out;  /* to the channel */
	size_t given;
};

static void
client_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fwrite(data, 1, len, f) != len || fclose(f) != 0)
		abort();
}

static void
client_make_files(void)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;

	if (mkdtemp(client_dir) == NULL)
		abort();
	snprintf(cert_file, sizeof(cert_file), "%s/cert", client_dir);
	snprintf(key_file, sizeof(key_file), "%s/key", client_dir);
	snprintf(psk_file, sizeof(psk_file), "%s/psk", client_dir);
	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
	    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, "\1", 1);
	gnutls_x509_crt_set_activation_time(crt, time(NULL) - 60);
	gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
	gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
	    "Unit", 4);
	gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME,
	    "unit.example", 12, GNUTLS_FSAN_APPEND);
	gnutls_x509_crt_set_ca_status(crt, 1);
	gnutls_x509_crt_set_key(crt, key);
	if (gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) < 0)
		abort();
	gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	client_file(cert_file, pem.data, pem.size);
	gnutls_free(pem.data);
	gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
	client_file(key_file, pem.data, pem.size);
	gnutls_free(pem.data);
	client_file(psk_file, "alice:" CLIENT_KEY "\n",
	    strlen("alice:" CLIENT_KEY "\n"));
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	pool_init(&client_pool, &client_budget);
}

static void
client_remove_files(void)
{
	unlink(cert_file);
	unlink(key_file);
	unlink(psk_file);
	rmdir(client_dir);
	pool_free(&client_pool);
}

static ssize_t
client_push(gnutls_transport_ptr_t arg, const void *data, size_t len)
{
	struct client *c = arg;

	if (buf_add(&c->out, data, len) == -1)
		abort();
	return (ssize_t)len;
}

static ssize_t
client_pull(gnutls_transport_ptr_t arg, void *data, size_t len)
{
	struct client *c = arg;
	size_t n = c->in.len - c->taken;

	if (n == 0) {
		gnutls_transport_set_errno(c->session, EAGAIN);
		return -1;
	}
	n = n < len ? n : len;
	memcpy(data, c->in.data + c->taken, n);
	c->taken += n;
	return (ssize_t)n;
}

/* user: who has that key; NULL: a certificate is shown. */
static void
client_open(struct client *c, const struct tls_options *o,
    const char *priority, const char *user, const char *key)
{
	gnutls_datum_t hex = { (unsigned char *)(uintptr_t)key,
		key != NULL ? (unsigned)strlen(key) : 0 };
	struct tls_creds *creds;
	struct diag d;

	memset(c, 0, sizeof(*c));
	c->step = SIZE_MAX;
	buf_init(&c->in, 256 << 20);
	buf_init(&c->out, 256 << 20);
	creds = tls_creds_load(o, &d);
	if (creds == NULL)
		abort();
	c->channel = tls_channel_new(creds, &client_pool);
	tls_creds_unref(creds);
	gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
	if (gnutls_priority_set_direct(c->session, priority, NULL) < 0)
		abort();
	gnutls_certificate_allocate_credentials(&c->x509);
	if (user == NULL)
		gnutls_certificate_set_x509_key_file(c->x509, cert_file,
		    key_file, GNUTLS_X509_FMT_PEM);
	gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->x509);
	gnutls_psk_allocate_client_credentials(&c->psk);
	if (user != NULL) {
		gnutls_psk_set_client_credentials(c->psk, user, &hex,
		    GNUTLS_PSK_KEY_HEX);
		gnutls_credentials_set(c->session, GNUTLS_CRD_PSK, c->psk);
	}
	gnutls_transport_set_ptr(c->session, c);
	gnutls_transport_set_push_function(c->session, client_push);
	gnutls_transport_set_pull_function(c->session, client_pull);
	gnutls_handshake_set_timeout(c->session, 0);
}

static void
client_close(struct client *c)
{
	tls_channel_free(c->channel);
	gnutls_deinit(c->session);
	gnutls_certificate_free_credentials(c->x509);
	gnutls_psk_free_client_credentials(c->psk);
	buf_free(&c->in);
	buf_free(&c->out);
}

/* Bytes from the client into the channel, as far as there is room. */
static bool
client_give(struct client *c)
{
	size_t n = c->out.len - c->given, room;
	void *place;

	if (n == 0 || (room = tls_channel_space(c->channel, &place)) == 0)
		return false;
	n = n < room ? n : room;
	n = n < c->step ? n : c->step;
	memcpy(place, c->out.data + c->given, n);
	tls_channel_filled(c->channel, n);
	c->given += n;
	return true;
}

static bool
client_take(struct client *c)
{
	const void *data;
	size_t n = tls_channel_output(c->channel, &data);

	if (n == 0)
		return false;
	n = n < c->step ? n : c->step;
	if (buf_add(&c->in, data, n) == -1)
		abort();
	tls_channel_sent(c->channel, n);
	return true;
}

/* How the channel's handshake ended. */
static enum tls_step
client_shake(struct client *c)
{
	enum tls_step step = TLS_AGAIN;
	int rc = GNUTLS_E_AGAIN;

	for (int i = 0; i < 100000 && (step == TLS_AGAIN ||
	    rc == GNUTLS_E_AGAIN); i++) {
		if (rc == GNUTLS_E_AGAIN)
			rc = gnutls_handshake(c->session);
		client_give(c);
		if (step == TLS_AGAIN)
			step = tls_channel_handshake(c->channel);
		while (client_take(c))
			;
		if (step == TLS_FAILED)
			break;
	}
	return step;
}

#endif
