/*
 * ipxe: GET /ipxe/NAME, a script that boots an export by the kernel and
 * initial RAM disk of its artifacts.
 */
#include <stdio.h>

#include "http/exports.h"
#include "spool/netboot.h"
#include "tool/ipxe.h"

static void
script(struct http *h, const struct exports_view *v,
    const struct listing_row *r)
{
	struct ipxe x = { .base = v->url, .host = v->host, .port = v->port };

	ipxe_write(answer_begin(&h->answer, 200, ANSWER_TEXT), &x, r);
}

void
ipxe_show(struct http *h)
{
	const char *name = http_name(h);
	const struct listing_row *r;
	struct listing_source s;
	struct exports_view v;
	struct listing *l;

	if (name == NULL || (l = http_listing(h, &s, name)) == NULL)
		return;
	exports_open(&v, h, l);
	r = exports_find(l, name);
	if (r == NULL)
		http_error(h, 404, "there is no export %s", name);
	else if (v.url[0] == '\0')
		http_error(h, 400, "the request has no Host, which the "
		    "script is to name");
	else if (!netboot_ready(v.artifactsfd, name))
		http_error(h, 404, "%s has no artifacts to boot from", name);
	else
		script(h, &v, r);
	exports_close(&v);
	listing_free(l);
	listing_end(&s);
}
