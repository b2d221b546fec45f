/*
 * fuzz_text: any bytes as the short texts that people and other programs give:
 * sizes, lists of addresses, addresses to listen on, heads of images, words
 * on a terminal, and the data of NBD's options with queries.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "export/allow.h"
#include "spool/config.h"
#include "tool/cell.h"
#include "tool/source.h"
#include "tool/uri.h"
#include "wire/codec.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* What is read can be written exactly, and reads as the same again. */
static void
read_size(const char *text)
{
	char exact[SIZE_TEXT], human[SIZE_TEXT];
	uint64_t bytes, again;
	struct diag d;

	if (size_parse(text, &bytes, &d) == -1)
		return;
	size_format(exact, sizeof(exact), bytes);
	require(size_parse(exact, &again, &d) == 0 && again == bytes);
	require(strlen(size_human(human, sizeof(human), bytes)) <
	    sizeof(human));
}

static bool
in_ranges(const struct allow *a, const struct peer *p)
{
	struct allow_range r;

	for (size_t i = 0; i < allow_count(a); i++) {
		r = allow_range(a, i);
		require(memcmp(r.first, r.last, 16) <= 0);
		if (r.family == peer_family(p) &&
		    memcmp(r.first, p->addr, 16) <= 0 &&
		    memcmp(p->addr, r.last, 16) <= 0)
			return true;
	}
	return false;
}

/* Who is let in by the list is who is in one of its ranges. */
static void
read_allow(const char *text, const unsigned char *data, size_t size)
{
	struct peer p = { .is_unix = false };
	struct allow *a = NULL;
	struct diag d;

	if (allow_parse(&a, text, &d) == -1) {
		require(a == NULL && d.text[0] != '\0');
		return;
	}
	for (size_t at = 0; !allow_may_be_anybody(a) && at + 16 <= size; at += 3) {
		memcpy(p.addr, data + at, 16);
		if (at % 2 == 0)
			memcpy(p.addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		require(allow_match(a, &p) == in_ranges(a, &p));
	}
	if (!allow_may_be_anybody(a)) {
		/* The end of an IPv6 network may be an IPv4 address. */
		memcpy(p.addr, allow_range(a, 0).last, 16);
		require(allow_match(a, &p) == in_ranges(a, &p));
	}
	allow_free(a);
}

/* Nothing but what RFC 3986 allows, whatever the address and the name are. */
static void
write_uri(const char *listen, const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%";
	struct buf b;

	buf_init(&b, 65536);
	if (uri_format(&b, listen, "host", name, name[0] == 's') == 0) {
		require(b.len > 6 && strncmp(b.data, "nbd", 3) == 0);
		for (size_t i = 0; i < b.len; i++)
			require(strchr(ok, b.data[i]) != NULL);
	}
	buf_reset(&b);
	(void)uri_best(&b, listen, name, false);
	buf_free(&b);
}

static void
show(const char *text, const unsigned char *data, size_t size)
{
	char out[80];
	const char *cursor = text, *item;
	size_t n;

	text_escape(out, sizeof(out), data, size);
	require(strlen(out) < sizeof(out) && text_utf8(out, strlen(out)));
	require(strpbrk(out, "\n\t\x7f") == NULL);
	require(cell_escape(out, sizeof(out), text) <= 2 * strlen(out));
	require(text_utf8(out, strlen(out)));
	require(cell_clip(out, 10) <= strlen(out));
	while ((item = text_item(&cursor, &n)) != NULL)
		require(n > 0 && item >= text && item + n <= cursor);
}

/* Queries lie within the data, one behind the other. */
static void
read_options(const unsigned char *data, size_t size)
{
	struct wire_info_request i;
	struct wire_meta_request m;
	const char *query;
	uint32_t len;

	if (wire_get_info_request(&i, data, size) == 0) {
		require(i.name >= data && i.infos + 2 * (size_t)i.count ==
		    data + size);
	}
	if (wire_get_meta_request(&m, data, size) == -1)
		return;
	for (; m.count > 0; m.count--) {
		query = wire_next_query(&m, &len);
		require((const unsigned char *)query >= data &&
		    (const unsigned char *)query + len <= data + size);
	}
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	const char *behind = strchr(text, '|');

	read_size(text);
	read_allow(text, data, size);
	write_uri(text, behind == NULL ? "name" : behind + 1);
	show(text, data, size);
	read_options(data, size);
	(void)source_format(data, size);
	free(text);
	return 0;
}
