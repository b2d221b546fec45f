/* ipxe: a script for iPXE that boots an export over the network. */
#ifndef TOOL_IPXE_H
#define TOOL_IPXE_H

#include <stdio.h>

#include "tool/listing.h"

struct ipxe {
	const char *base; /* URL before "/artifacts/...", without a slash */
	const char *host; /* of the NBD server, for the client; checked: it
	                   * has nothing that ends a word or a line */
	unsigned port;
};

/*
 * Kernel and initial RAM disk of BASE/artifacts/NAME, with what bty looks for
 * (the server as bty.nbd=tcp://HOST:PORT, the export as bty.image=NAME), our
 * own nbdmux=URI and the entry's cmdline.
 */
void ipxe_write(FILE *out, const struct ipxe *x, const struct listing_row *r);

#endif
