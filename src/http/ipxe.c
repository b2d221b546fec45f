/*
 * ipxe: GET /ipxe/NAME, a script that boots an export by the kernel and
 * initial RAM disk of its artifacts.
 */
#include <string.h>

#include "http/artifacts.h"
#include "http/exports.h"

/* Names and hosts were checked: nothing in them ends a line or a word. */
static void
script(struct http *h, const struct exports_view *v,
    const struct listing_row *r)
{
	const struct request *q = &h->request;
	FILE *out = answer_begin(&h->answer, 200, ANSWER_TEXT);
	char host[REQUEST_HOST_SIZE];

	request_hostname(q, host, sizeof(host));
	fprintf(out, "#!ipxe\n"
	    "# %s, generation %llu\n"
	    "set base %s://%s%s/artifacts/%s\n"
	    "set nbd nbd://%s%s%s:%u/%s\n", r->name,
	    (unsigned long long)r->state.generation,
	    q->https ? "https" : "http", q->host, q->base, r->name,
	    strchr(host, ':') != NULL ? "[" : "", host,
	    strchr(host, ':') != NULL ? "]" : "", v->port, r->name);
	fputs("kernel ${base}/vmlinuz initrd=initrd nbdmux=${nbd} "
	    "bty.nbd=${nbd} ", out);
	fprintf(out, "bty.image=%s ip=dhcp || goto failed\n", r->name);
	fputs("initrd ${base}/initrd || goto failed\n"
	    "boot || goto failed\n"
	    ":failed\n"
	    "echo nbdmux: it does not boot; a shell follows\n"
	    "shell\n", out);
}

void
ipxe_show(struct http *h)
{
	const char *name = http_name(h);
	const struct listing_row *r;
	struct listing_source s;
	struct exports_view v;
	struct listing *l;

	if (name == NULL || (l = http_listing(h, &s)) == NULL)
		return;
	exports_open(&v, h, l);
	r = exports_find(l, name);
	if (r == NULL)
		http_error(h, 404, "there is no export %s", name);
	else if (h->request.host[0] == '\0')
		http_error(h, 400, "the request has no Host, which the "
		    "script is to name");
	else if (!artifacts_ready(v.artifactsfd, name))
		http_error(h, 404, "%s has no artifacts to boot from", name);
	else
		script(h, &v, r);
	exports_close(&v);
	listing_free(l);
	listing_end(&s);
}
