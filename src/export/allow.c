/*
 * allow: networks, kept as those of IPv6 with IPv4 mapped into them, and names
 * that clients prove.
 */
#include <arpa/inet.h>

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "export/allow.h"
#include "spool/record.h"

#define CIDR_TEXT 64 /* more than any network's text */
#define MAPPED_BITS 96
#define VSOCK_BITS 32 /* the CID follows, and fills a /64 */

struct network {
	uint8_t addr[16];
	unsigned bits; /* of addr that count */
	bool mapped;   /* IPv4 */
};

/* A pattern for the names of one kind of proof. */
struct name {
	enum proof_kind kind;
	char *pattern;
};

struct entry {
	bool is_name;
	union {
		struct network network;
		struct name name;
	};
};

struct allow {
	size_t count;
	struct entry list[];
};

static bool
is_mapped(const uint8_t addr[16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(addr, prefix, sizeof prefix) == 0;
}

/* Of 0::/8, which the IETF keeps back: no client over IPv6 has one. */
static const uint8_t vsock_prefix[4] = { 0, 0, 'v', 's' };

static bool
is_vsock(const uint8_t addr[16])
{
	return memcmp(addr, vsock_prefix, sizeof vsock_prefix) == 0;
}

static enum family
family_of(const uint8_t addr[16])
{
	if (is_mapped(addr))
		return FAMILY_IPV4;
	return is_vsock(addr) ? FAMILY_VSOCK : FAMILY_IPV6;
}

static enum family
network_family(const struct network *n)
{
	if (n->mapped)
		return FAMILY_IPV4;
	return n->bits >= VSOCK_BITS && is_vsock(n->addr) ? FAMILY_VSOCK :
	                                                    FAMILY_IPV6;
}

static void
set_vsock(uint8_t addr[16], uint32_t cid)
{
	memset(addr, 0, 16);
	memcpy(addr, vsock_prefix, sizeof vsock_prefix);
	for (int i = 0; i < 4; i++)
		addr[4 + i] = (uint8_t)(cid >> (24 - 8 * i));
}

void
peer_set_vsock(struct peer *p, uint32_t cid)
{
	set_vsock(p->addr, cid);
}

/* "vsock:3", or "vsock:*" for all; checked when it was read. */
static bool
parse_vsock(struct network *n, const char *text)
{
	if (strncmp(text, RECORD_ALLOW_VSOCK, strlen(RECORD_ALLOW_VSOCK)) != 0)
		return false;
	text += strlen(RECORD_ALLOW_VSOCK);
	set_vsock(n->addr, (uint32_t)strtoul(text, NULL, 10));
	n->bits = text[0] == '*' ? VSOCK_BITS : 128;
	return true;
}

/* "0" to "128", nothing else; -1 for rubbish. */
static int
parse_bits(const char *text, int max)
{
	int n = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '9' && i < 3; i++)
		n = n * 10 + (text[i] - '0');
	return i == 0 || text[i] != '\0' || n > max ? -1 : n;
}

static bool
parse_addr(struct network *n, const char *text)
{
	if (inet_pton(AF_INET, text, n->addr + 12) == 1) {
		n->addr[10] = n->addr[11] = 0xff;
		n->mapped = true;
		return true;
	}
	return inet_pton(AF_INET6, text, n->addr) == 1;
}

static int
parse_network(struct network *n, const char *item, size_t len, struct diag *d)
{
	char text[CIDR_TEXT], *slash;
	int bits;

	memset(n, 0, sizeof *n);
	if (len >= sizeof text)
		return diag_set(d, "an address in allow is too long: "
		    "\"%.40s...\"", item);
	memcpy(text, item, len);
	text[len] = '\0';
	if (parse_vsock(n, text))
		return 0;
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (!parse_addr(n, text))
		return diag_set(d, "\"%.*s\" in allow is not an address or "
		    "network; right are 192.0.2.7, 10.0.0.0/8 or "
		    "2001:db8::/32", (int)len, item);
	bits = n->mapped ? 32 : 128;
	if (slash != NULL && (bits = parse_bits(slash, bits)) == -1)
		return diag_set(d, "\"%.*s\" in allow has a wrong prefix "
		    "length; right are 0 to %d", (int)len, item,
		    n->mapped ? 32 : 128);
	n->bits = (unsigned)bits + (n->mapped ? MAPPED_BITS : 0);
	if (n->bits >= MAPPED_BITS)
		n->mapped = is_mapped(n->addr);
	return 0;
}

/* Whether the item is a name; *rest is then what follows the prefix. */
static bool
is_name(const char *item, size_t len, enum proof_kind *kind, size_t *prefix)
{
	static const struct {
		const char *text;
		enum proof_kind kind;
	} prefixes[] = {
		{ RECORD_ALLOW_CN, PROOF_CERTIFICATE },
		{ RECORD_ALLOW_PSK, PROOF_PSK },
	};

	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		*prefix = strlen(prefixes[i].text);
		*kind = prefixes[i].kind;
		if (len > *prefix &&
		    strncmp(item, prefixes[i].text, *prefix) == 0)
			return true;
	}
	return false;
}

static int
parse_entry(struct entry *e, const char *item, size_t len, struct diag *d)
{
	size_t prefix;

	e->is_name = is_name(item, len, &e->name.kind, &prefix);
	if (!e->is_name)
		return parse_network(&e->network, item, len, d);
	e->name.pattern = strndup(item + prefix, len - prefix);
	if (e->name.pattern == NULL)
		return diag_errno(d, "cannot read allow");
	return 0;
}

static size_t
count_items(const char *text)
{
	size_t len, n = 0;

	while (text_item(&text, &len) != NULL)
		n++;
	return n;
}

int
allow_parse(struct allow **out, const char *text, struct diag *d)
{
	struct allow *a;
	const char *item;
	size_t len, n;

	*out = NULL;
	n = text == NULL ? 0 : count_items(text);
	if (n == 0)
		return 0;
	a = calloc(1, sizeof *a + n * sizeof a->list[0]);
	if (a == NULL)
		return diag_errno(d, "cannot read allow");
	while ((item = text_item(&text, &len)) != NULL)
		if (parse_entry(&a->list[a->count++], item, len, d) == -1) {
			allow_free(a);
			return -1;
		}
	*out = a;
	return 0;
}

/*
 * A network of IPv6 that happens to hold the mapped range, such as ::/0,
 * speaks of IPv6 clients only: who writes it does not think of IPv4, nor of
 * virtual machines.
 */
static bool
inside(const struct network *n, const uint8_t addr[16])
{
	unsigned bytes = n->bits / 8, rest = n->bits % 8;

	if (network_family(n) != family_of(addr))
		return false;
	if (memcmp(n->addr, addr, bytes) != 0)
		return false;
	return rest == 0 || (n->addr[bytes] ^ addr[bytes]) >> (8 - rest) == 0;
}

/* Names of machines are the same in both cases, those of users are not. */
static bool
proved(const struct name *n, const struct proof *p)
{
	int flags = n->kind == PROOF_CERTIFICATE ? FNM_CASEFOLD : 0;
	const char *name = NULL;

	if (p == NULL || p->kind != n->kind)
		return false;
	while ((name = proof_next(p, name)) != NULL)
		if (fnmatch(n->pattern, name, flags | FNM_NOESCAPE) == 0)
			return true;
	return false;
}

static bool
matches(const struct entry *e, const struct peer *p)
{
	if (e->is_name)
		return proved(&e->name, p->proof);
	return p->is_unix || inside(&e->network, p->addr);
}

bool
allow_match(const struct allow *a, const struct peer *p)
{
	if (a == NULL)
		return true;
	for (size_t i = 0; i < a->count; i++)
		if (matches(&a->list[i], p))
			return true;
	return false;
}

bool
allow_names(const struct allow *a)
{
	for (size_t i = 0; a != NULL && i < a->count; i++)
		if (a->list[i].is_name)
			return true;
	return false;
}

void
allow_free(struct allow *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->count; i++)
		if (a->list[i].is_name)
			free(a->list[i].name.pattern);
	free(a);
}

enum family
peer_family(const struct peer *p)
{
	return family_of(p->addr);
}

bool
allow_may_be_anybody(const struct allow *a)
{
	return a == NULL || allow_names(a);
}

size_t
allow_count(const struct allow *a)
{
	return a == NULL ? 0 : a->count;
}

struct allow_range
allow_range(const struct allow *a, size_t i)
{
	const struct network *n = &a->list[i].network;
	struct allow_range r = { .family = network_family(n) };

	memcpy(r.first, n->addr, sizeof r.first);
	memcpy(r.last, n->addr, sizeof r.last);
	for (unsigned bit = n->bits; bit < 128; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		r.first[bit / 8] &= (uint8_t)~mask;
		r.last[bit / 8] |= mask;
	}
	return r;
}
