/* replies: reads what a server has said. */
#include <stdint.h>
#include <string.h>

#include "replies.h"
#include "wire/codec.h"
#include "wire/proto.h"

struct reader {
	const unsigned char *at;
	size_t left;
};

/* The next n bytes, or NULL when they did not come. */
static const unsigned char *
take(struct reader *in, uint64_t n)
{
	const unsigned char *p = in->at;

	if (n > in->left)
		return NULL;
	in->at += n;
	in->left -= (size_t)n;
	return p;
}

/* The rest, and what was taken of it already, is less than a message. */
static const char *
partial(struct replies *r, struct reader *in, size_t taken)
{
	r->left = in->left + taken;
	in->left = 0;
	return NULL;
}

/* --- handshake --------------------------------------------------------------- */

static bool
is_final(uint32_t type)
{
	return type == NBD_REP_ACK || (type & 0x80000000u) != 0;
}

static const char *
read_option(struct replies *r, struct reader *in)
{
	const unsigned char *p = take(in, WIRE_OPTION_REPLY);
	uint32_t option, type, len;

	if (p == NULL)
		return partial(r, in, 0);
	option = wire_get32(p + 8);
	type = wire_get32(p + 12);
	len = wire_get32(p + 16);
	if (len > 65536)
		return "a reply to an option is too long";
	if (type == NBD_REP_ACK && len != 0)
		return "an ACK has data";
	if ((type & 0x80000000u) && len > NBD_STRING_MAX)
		return "an error's text is too long";
	if (take(in, len) == NULL)
		return partial(r, in, WIRE_OPTION_REPLY);
	r->options += is_final(type);
	if (type != NBD_REP_ACK)
		return NULL;
	if (option == NBD_OPT_EXTENDED_HEADERS)
		r->extended = r->chunks = true;
	if (option == NBD_OPT_STRUCTURED_REPLY)
		r->chunks = true;
	if (option == NBD_OPT_STARTTLS)
		r->extended = r->chunks = false;
	r->entered = option == NBD_OPT_GO;
	return NULL;
}

/* The answer to EXPORT_NAME has no header. */
static const char *
read_export_name(struct replies *r, struct reader *in, bool padded)
{
	const unsigned char *p;

	if (in->left < (size_t)WIRE_EXPORT_NAME + (padded ? NBD_ZEROES : 0))
		return partial(r, in, 0);
	p = take(in, WIRE_EXPORT_NAME);
	if (padded)
		take(in, NBD_ZEROES);
	if (!(wire_get16(p + 8) & NBD_FLAG_HAS_FLAGS))
		return "transmission flags without HAS_FLAGS";
	r->entered = true;
	return NULL;
}

static const char *
read_handshake(struct replies *r, struct reader *in, bool padded)
{
	const char *fault = NULL;
	unsigned char magic[8];

	while (fault == NULL && !r->entered && in->left > 0) {
		wire_put64(magic, NBD_REPLY_MAGIC);
		if (memcmp(in->at, magic, in->left < 8 ? in->left : 8) == 0)
			fault = read_option(r, in);
		else
			fault = read_export_name(r, in, padded);
	}
	return fault;
}

/* --- transmission ------------------------------------------------------------ */

/* Extents of width bytes per number: none is empty, neighbours differ. */
static const char *
check_extents(const unsigned char *p, uint64_t count, unsigned width)
{
	uint64_t length, flags, last = UINT64_MAX;

	if (count == 0)
		return "a map without extents";
	for (; count > 0; count--, p += 2 * (size_t)width) {
		length = width == 4 ? wire_get32(p) : wire_get64(p);
		flags = width == 4 ? wire_get32(p + 4) : wire_get64(p + 8);
		if (length == 0)
			return "an extent of no bytes";
		if (flags == last)
			return "neighbours in a map are the same";
		last = flags;
	}
	return NULL;
}

static const char *
check_status(const struct wire_chunk *c, const unsigned char *p, bool extended)
{
	if (c->type == NBD_REPLY_TYPE_BLOCK_STATUS) {
		if (extended || c->length < 12 || c->length % 8 != 4)
			return "BLOCK_STATUS has a wrong length";
		return check_extents(p + 4, c->length / 8, 4);
	}
	if (!extended || c->length < 24 || c->length % 16 != 8 ||
	    wire_get32(p + 4) != c->length / 16)
		return "BLOCK_STATUS_EXT has a wrong length or count";
	return check_extents(p + 8, c->length / 16, 8);
}

static const char *
check_error(const struct wire_chunk *c, const unsigned char *p)
{
	size_t fixed = c->type == NBD_REPLY_TYPE_ERROR_OFFSET ? 14 : 6;

	if (c->length < fixed || wire_get16(p + 4) != c->length - fixed)
		return "an error chunk's lengths do not add up";
	if (wire_get32(p) == 0)
		return "an error chunk without an error";
	return c->flags & NBD_REPLY_FLAG_DONE ? NULL :
	    "an error chunk is not the last";
}

static const char *
check_chunk(const struct wire_chunk *c, const unsigned char *p, bool extended)
{
	if (c->flags & ~NBD_REPLY_FLAG_DONE)
		return "unknown flags of a chunk";
	switch (c->type) {
	case NBD_REPLY_TYPE_NONE:
		return c->length == 0 && c->flags ? NULL : "NONE has data";
	case NBD_REPLY_TYPE_OFFSET_DATA:
		return c->length > 8 ? NULL : "OFFSET_DATA without data";
	case NBD_REPLY_TYPE_OFFSET_HOLE:
		return c->length == 12 && wire_get32(p + 8) != 0 ? NULL :
		    "OFFSET_HOLE is wrong";
	case NBD_REPLY_TYPE_BLOCK_STATUS:
	case NBD_REPLY_TYPE_BLOCK_STATUS_EXT:
		return check_status(c, p, extended);
	case NBD_REPLY_TYPE_ERROR:
	case NBD_REPLY_TYPE_ERROR_OFFSET:
		return check_error(c, p);
	default:
		return "a chunk of an unknown type";
	}
}

static size_t
head_of(const struct replies *r, const unsigned char *p)
{
	uint32_t magic = wire_get32(p);

	if (r->extended)
		return magic == NBD_EXTENDED_REPLY_MAGIC ?
		    WIRE_EXTENDED_REPLY : 0;
	return magic == NBD_STRUCTURED_REPLY_MAGIC ? WIRE_STRUCTURED_REPLY :
	    magic == NBD_SIMPLE_REPLY_MAGIC ? WIRE_SIMPLE_REPLY : 0;
}

static const char *
read_chunk(struct replies *r, struct reader *in)
{
	const unsigned char *p;
	struct wire_chunk c;
	size_t head;

	if (in->left < 4 || in->left < (head = head_of(r, in->at)))
		return partial(r, in, 0);
	if (head == 0)
		return "a reply's magic is wrong";
	p = take(in, head);
	if (head == WIRE_SIMPLE_REPLY) {
		r->finals++;
		return NULL;
	}
	c.flags = wire_get16(p + 4);
	c.type = wire_get16(p + 6);
	c.length = r->extended ? wire_get64(p + 24) : wire_get32(p + 16);
	if ((p = take(in, c.length)) == NULL)
		return partial(r, in, head);
	r->finals += c.flags & NBD_REPLY_FLAG_DONE;
	return check_chunk(&c, p, r->extended);
}

const char *
replies_read(struct replies *r, const void *data, size_t size, bool padded)
{
	struct reader in = { data, size };
	const unsigned char *p = take(&in, WIRE_GREETING);
	const char *fault;

	*r = (struct replies){ .entered = false };
	if (p == NULL)
		return partial(r, &in, 0);
	if (wire_get64(p) != NBD_MAGIC ||
	    wire_get64(p + 8) != NBD_OPTION_MAGIC)
		return "no greeting";
	fault = read_handshake(r, &in, padded);
	if (r->chunks)
		while (fault == NULL && in.left > 0)
			fault = read_chunk(r, &in);
	return fault;
}
