/* ipxe: names and command lines were checked when they were set. */
#include <inttypes.h>
#include <string.h>

#include "tool/ipxe.h"

static void
kernel(FILE *out, const struct listing_row *r)
{
	const char *cmdline = r->entry != NULL && !r->entry->bad ?
	    r->entry->record.cmdline : NULL;

	fputs("kernel ${base}/vmlinuz initrd=initrd nbdmux=${nbd} "
	    "bty.nbd=${bty} ", out);
	fprintf(out, "bty.image=%s ip=dhcp%s%s || goto failed\n", r->name,
	    cmdline != NULL ? " " : "", cmdline != NULL ? cmdline : "");
}

void
ipxe_write(FILE *out, const struct ipxe *x, const struct listing_row *r)
{
	bool v6 = strchr(x->host, ':') != NULL;
	const char *open = v6 ? "[" : "", *close = v6 ? "]" : "";

	fprintf(out, "#!ipxe\n"
	    "# %s, generation %" PRIu64 "\n"
	    "set base %s/artifacts/%s\n"
	    "set nbd nbd://%s%s%s:%u/%s\n"
	    "set bty tcp://%s%s%s:%u\n", r->name, r->state.generation,
	    x->base, r->name, open, x->host, close, x->port, r->name, open,
	    x->host, close, x->port);
	kernel(out, r);
	fputs("initrd ${base}/initrd || goto failed\n"
	    "boot || goto failed\n"
	    ":failed\n"
	    "echo nbdmux: it does not boot; a shell follows\n"
	    "shell\n", out);
}
