/* config: what the keys of TLS say together. */
#include "spool/config.h"

static int
check_pair(const char *key, const char *value, const char *with,
    const char *other, struct diag *d)
{
	if (value == NULL || other != NULL)
		return 0;
	return diag_set(d, "\"%s\" is of no use without \"%s\"; write both, "
	    "or neither", key, with);
}

/* What is said of clients' certificates must not be said in vain. */
static int
check_verify(const struct config *c, struct diag *d)
{
	if (c->tls == CONFIG_TLS_OFF)
		return 0;
	if (c->tls_verify == CONFIG_VERIFY_NO && c->tls_ca != NULL)
		return diag_set(d, "\"tls-ca\" is there, but \"tls-verify\" is "
		    "no; write tls-verify = required (or optional), or leave "
		    "tls-ca out");
	if (c->tls_verify == CONFIG_VERIFY_NO)
		return 0;
	if (c->tls_ca == NULL)
		return diag_set(d, "\"tls-verify\" needs \"tls-ca\", the "
		    "certificate that has signed those of the clients");
	if (c->tls_certificate == NULL)
		return diag_set(d, "\"tls-verify\" needs \"tls-certificate\": "
		    "clients show a certificate to a server that has one");
	return 0;
}

int
config_check_tls(const struct config *c, struct diag *d)
{
	if (check_pair("tls-certificate", c->tls_certificate, "tls-key",
	    c->tls_key, d) == -1 || check_pair("tls-key", c->tls_key,
	    "tls-certificate", c->tls_certificate, d) == -1 ||
	    check_verify(c, d) == -1)
		return -1;
	if (c->tls != CONFIG_TLS_OFF && c->tls_certificate == NULL &&
	    c->tls_psk_file == NULL)
		return diag_set(d, "\"tls\" is %s, and there is nothing to "
		    "prove who we are; write tls-certificate and tls-key, or "
		    "tls-psk-file", config_tls_names[c->tls]);
	return 0;
}
