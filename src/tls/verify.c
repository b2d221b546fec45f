/* verify: a client's certificate, and what it says about the client. */
#include <stdlib.h>
#include <string.h>

#include "tls/impl.h"

/*
 * Whether the chain leads to our CA, is in date and may be a client's.  None
 * at all is GnuTLS's own matter: it asks or insists as it was told.
 */
int
verify_client(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	gnutls_datum_t text;
	unsigned status, count = 0;
	int rc;

	if (gnutls_certificate_get_peers(session, &count) == NULL ||
	    count == 0)
		return 0;
	rc = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
	if (rc >= 0 && status == 0)
		return 0;
	if (rc < 0) {
		tls_channel_blame(session, "the client's certificate cannot "
		    "be checked: %s", gnutls_strerror(rc));
	} else if (gnutls_certificate_verification_status_print(status,
	    GNUTLS_CRT_X509, &text, 0) >= 0) {
		tls_channel_blame(session, "the client's certificate is "
		    "refused: %s", (const char *)text.data);
		gnutls_free(text.data);
	}
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static void
subject(struct proof *p, gnutls_x509_crt_t crt)
{
	gnutls_datum_t dn;

	if (gnutls_x509_crt_get_dn3(crt, &dn, 0) < 0)
		return;
	proof_text(p, "", dn.data, dn.size);
	gnutls_free(dn.data);
}

static void
common_names(struct proof *p, gnutls_x509_crt_t crt)
{
	char name[256];
	size_t size;

	for (unsigned i = 0; i < 16; i++) {
		size = sizeof(name);
		if (gnutls_x509_crt_get_dn_by_oid(crt,
		    GNUTLS_OID_X520_COMMON_NAME, i, 0, name, &size) < 0)
			return;
		proof_name(p, name, size);
	}
}

static void
dns_names(struct proof *p, gnutls_x509_crt_t crt)
{
	char name[256];
	size_t size;
	int type;

	for (unsigned i = 0; i < 64; i++) {
		size = sizeof(name);
		type = gnutls_x509_crt_get_subject_alt_name(crt, i, name,
		    &size, NULL);
		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return;
		if (type == GNUTLS_SAN_DNSNAME)
			proof_name(p, name, size);
	}
}

static struct proof *
of_certificate(const gnutls_datum_t *der)
{
	struct proof *p = NULL;
	gnutls_x509_crt_t crt;

	if (gnutls_x509_crt_init(&crt) < 0)
		return NULL;
	if (gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) >= 0)
		p = proof_new(PROOF_CERTIFICATE);
	if (p != NULL) {
		subject(p, crt);
		common_names(p, crt);
		dns_names(p, crt);
	}
	gnutls_x509_crt_deinit(crt);
	return p;
}

static struct proof *
of_user(gnutls_session_t session)
{
	gnutls_datum_t name;
	struct proof *p;

	if (gnutls_psk_server_get_username2(session, &name) < 0)
		return NULL;
	p = proof_new(PROOF_PSK);
	if (p == NULL)
		return NULL;
	proof_text(p, "psk:", name.data, name.size);
	proof_name(p, name.data, name.size);
	return p;
}

struct proof *
tls_channel_proof(const struct tls_channel *t)
{
	const gnutls_datum_t *peers;
	unsigned count = 0;

	if (gnutls_auth_client_get_type(t->session) == GNUTLS_CRD_PSK)
		return of_user(t->session);
	peers = gnutls_certificate_get_peers(t->session, &count);
	if (peers == NULL || count == 0 || t->creds->verify == TLS_VERIFY_NO)
		return NULL;
	return of_certificate(&peers[0]);
}
