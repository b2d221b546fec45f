/* allow: which clients may use an export: addresses, and who they proved to be. */
#ifndef EXPORT_ALLOW_H
#define EXPORT_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/proof.h"

/*
 * A client: a TCP address (IPv4 as IPv4-mapped IPv6), a virtual machine's CID
 * (as an address that no client over IPv6 has), or a unix socket, which
 * the socket's permissions govern: every address in a list allows it.
 */
struct peer {
	bool is_unix;
	uint8_t addr[16];
	uint16_t port;
	bool secure; /* by TLS */
	const struct proof *proof; /* who it is, borrowed; NULL: not proved */
	char text[128]; /* "192.0.2.1:4711", "[2001:db8::1]:4711",
	                * "vsock:3:4711", "unix" */
};

/* The address of a machine that comes by vsock(7). */
void peer_set_vsock(struct peer *p, uint32_t cid);

struct allow; /* a parsed list */

/*
 * text is a list of networks, "cn:NAME" and "psk:USER", where names may have
 * wildcards; NULL or empty allows everybody (and gives NULL).
 */
int allow_parse(struct allow **out, const char *text, struct diag *d);
bool allow_match(const struct allow *a, const struct peer *p);
/* The list has names: who is refused may pass after a proof. */
bool allow_names(const struct allow *a);
void allow_free(struct allow *a);

/* What kind of address it is; a network is of one kind and means no other. */
enum family { FAMILY_IPV4, FAMILY_IPV6, FAMILY_VSOCK };
enum family peer_family(const struct peer *p); /* not of unix sockets */

/*
 * A list as ranges of addresses, each of one family: whoever is in none is
 * refused.  Unless the list may be for anybody: an address does not tell.
 */
struct allow_range {
	enum family family;
	uint8_t first[16], last[16];
};
bool allow_may_be_anybody(const struct allow *a);
size_t allow_count(const struct allow *a);
struct allow_range allow_range(const struct allow *a, size_t i);

#endif
