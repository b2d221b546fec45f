/* record: the addresses and networks of the key "allow". */
#include <arpa/inet.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "spool/record.h"

static int
not_cidr(const char *text, struct diag *d)
{
	return diag_set(d, "\"%.80s\" is not an IPv4 or IPv6 address or "
	    "network; write for example 10.0.0.0/8 or 2001:db8::/32", text);
}

/* The length behind the '/': digits alone, no zero before them, up to max. */
static int
parse_prefix(const char *digits, unsigned max, unsigned *len)
{
	unsigned n = 0;

	if (digits[0] == '\0' || strlen(digits) > 3 ||
	    (digits[0] == '0' && digits[1] != '\0'))
		return -1;
	for (; *digits != '\0'; digits++) {
		if (*digits < '0' || *digits > '9')
			return -1;
		n = n * 10 + (unsigned)(*digits - '0');
	}
	*len = n;
	return n <= max ? 0 : -1;
}

/* Clear the bits behind the prefix; whether there were any. */
static bool
mask(unsigned char *addr, unsigned bytes, unsigned prefix)
{
	bool any = false;

	for (unsigned i = 0; i < bytes; i++) {
		unsigned keep = prefix >= (i + 1) * 8 ? 8 :
		    prefix <= i * 8 ? 0 : prefix - i * 8;
		unsigned char rest = (unsigned char)(0xff >> keep);

		if (keep < 8 && (addr[i] & rest) != 0) {
			any = true;
			addr[i] &= (unsigned char)~rest;
		}
	}
	return any;
}

/* A CID is a machine of vsock(7): 32 bits, the last of them "any". */
static int
check_vsock(const char *cid, const char *text, struct diag *d)
{
	size_t len = strspn(cid, "0123456789");

	if (strcmp(cid, "*") == 0 || (len > 0 && len <= 10 &&
	    cid[len] == '\0' && strtoull(cid, NULL, 10) < UINT32_MAX))
		return 0;
	return diag_set(d, "\"%.80s\": what follows vsock: must be the CID of a "
	    "virtual machine, a number, or * for all", text);
}

int
record_check_cidr(const char *text, struct diag *d)
{
	char host[INET6_ADDRSTRLEN], right[INET6_ADDRSTRLEN];
	unsigned char addr[16];
	const char *slash = strchrnul(text, '/');
	size_t len = (size_t)(slash - text);
	int family = memchr(text, ':', len) != NULL ? AF_INET6 : AF_INET;
	unsigned bits = family == AF_INET ? 32 : 128, prefix = bits;

	if (strncmp(text, RECORD_ALLOW_VSOCK,
	    strlen(RECORD_ALLOW_VSOCK)) == 0)
		return check_vsock(text + strlen(RECORD_ALLOW_VSOCK), text, d);
	if (len >= sizeof(host))
		return not_cidr(text, d);
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(family, host, addr) != 1)
		return not_cidr(text, d);
	if (*slash == '\0')
		return 0;
	if (parse_prefix(slash + 1, bits, &prefix) == -1)
		return diag_set(d, "\"%.80s\": what follows / must be a number "
		    "from 0 to %u", text, bits);
	if (mask(addr, bits / 8, prefix))
		return diag_set(d, "\"%s\" has bits outside its prefix; write "
		    "%s/%u", text,
		    inet_ntop(family, addr, right, sizeof(right)), prefix);
	return 0;
}

/* Anything may be in a name; what is empty would be a slip. */
static int
check_name(const char *kind, const char *name, struct diag *d)
{
	if (name[0] == '\0')
		return diag_set(d, "there is no name behind \"%s\"; write for "
		    "example %sbuild7, or %s* for all", kind, kind, kind);
	return 0;
}

/* What the item begins with when it is a name, else NULL. */
static const char *
kind_of(const char *item)
{
	static const char *const kinds[] = { RECORD_ALLOW_CN,
		RECORD_ALLOW_PSK };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(item, kinds[i], strlen(kinds[i])) == 0)
			return kinds[i];
	return NULL;
}

int
record_check_allow(const char *text, struct diag *d)
{
	const char *kind = kind_of(text);

	return kind != NULL ? check_name(kind, text + strlen(kind), d) :
	    record_check_cidr(text, d);
}

bool
record_needs_tls(const struct record *r)
{
	const char *list = r->allow, *item;
	bool names = false;
	size_t len;

	if (r->tls == RECORD_TLS_REQUIRE)
		return true;
	while (list != NULL && (item = text_item(&list, &len)) != NULL) {
		if (kind_of(item) == NULL)
			return false;
		names = true;
	}
	return names;
}
