/* stream: an input of fuzz_session as the bytes that the client sends. */
#include <string.h>

#include "talk.h"
#include "wire/codec.h"
#include "wire/proto.h"

static void
put_option(struct buf *b, uint32_t option, const void *data, size_t len)
{
	unsigned char p[WIRE_OPTION];

	wire_put64(p, NBD_OPTION_MAGIC);
	wire_put32(p + 8, option);
	wire_put32(p + 12, (uint32_t)len);
	buf_add(b, p, sizeof(p));
	buf_add(b, data, len);
}

/* With all infos, so that the client is held to block sizes. */
static void
put_go(struct buf *b, const char *name)
{
	unsigned char p[64];
	size_t len = strlen(name);

	wire_put32(p, (uint32_t)len);
	memcpy(p + 4, name, len);
	wire_put16(p + 4 + len, 4);
	for (unsigned i = 0; i < 4; i++)
		wire_put16(p + 6 + len + 2 * (size_t)i, (uint16_t)i);
	put_option(b, NBD_OPT_GO, p, 14 + len);
}

static void
put_flags(struct buf *b)
{
	unsigned char p[WIRE_CLIENT_FLAGS];

	wire_put32(p, NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
	buf_add(b, p, sizeof(p));
}

/* Both contexts that there are. */
static void
put_contexts(struct buf *b, const char *name)
{
	static const char *const queries[] = { "base:allocation",
		"qemu:allocation-depth" };
	unsigned char data[128];
	size_t len = strlen(name), n = 4 + len;

	wire_put32(data, (uint32_t)len);
	memcpy(data + 4, name, len);
	wire_put32(data + n, 2);
	n += 4;
	for (unsigned i = 0; i < 2; i++) {
		len = strlen(queries[i]);
		wire_put32(data + n, (uint32_t)len);
		memcpy(data + n + 4, queries[i], len);
		n += 4 + len;
	}
	put_option(b, NBD_OPT_SET_META_CONTEXT, data, n);
}

/*
 * What the stream begins with, so that little is needed to get far; returns
 * how many options that is.
 */
static unsigned
begin(struct buf *b, const unsigned char *c)
{
	enum talk_style style = talk_style(c);
	enum talk_start start = talk_start(c);
	unsigned options = 0;

	buf_reset(b);
	if (start == START_FLAGS)
		return 0;
	put_flags(b);
	if (talk_tls(c) != 0) {
		put_option(b, NBD_OPT_STARTTLS, NULL, 0);
		options++;
	}
	if (style != TALK_SIMPLE) {
		put_option(b, style == TALK_EXTENDED ?
		    NBD_OPT_EXTENDED_HEADERS : NBD_OPT_STRUCTURED_REPLY,
		    NULL, 0);
		options++;
	}
	if (style >= TALK_CONTEXTS) {
		put_contexts(b, talk_export(c));
		options++;
	}
	if (start == START_REQUEST)
		put_go(b, talk_export(c));
	return options + (start == START_REQUEST);
}

/* "ZZ" and a byte stand for up to a MiB of payload. */
static void
expand(struct buf *b, const unsigned char *data, size_t size)
{
	static char payload[4096];
	unsigned left = 512; /* such pieces in all */

	memset(payload, 'z', sizeof(payload));
	while (size > 0) {
		size_t plain = 0;

		while (plain < size && (size - plain < 3 ||
		    data[plain] != 'Z' || data[plain + 1] != 'Z'))
			plain++;
		buf_add(b, data, plain);
		data += plain;
		size -= plain;
		if (size == 0)
			return;
		for (unsigned i = 0; i < data[2] && left > 0; i++, left--)
			buf_add(b, payload, sizeof(payload));
		data += 3;
		size -= 3;
	}
}

unsigned
talk_stream(struct buf *b, const unsigned char *data, size_t size)
{
	unsigned options = begin(b, data);

	expand(b, data + TALK_CONFIG, size - TALK_CONFIG);
	return options;
}
