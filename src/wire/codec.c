/* codec: headers <-> bytes; see "Newstyle negotiation" and "Transmission". */
#include <endian.h>
#include <string.h>

#include "wire/codec.h"
#include "wire/proto.h"

uint16_t
wire_get16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

uint32_t
wire_get32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

uint64_t
wire_get64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

void
wire_put16(void *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}

void
wire_put32(void *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

void
wire_put64(void *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

void
wire_greeting(unsigned char out[WIRE_GREETING], uint16_t flags)
{
	wire_put64(out, NBD_MAGIC);
	wire_put64(out + 8, NBD_OPTION_MAGIC);
	wire_put16(out + 16, flags);
}

void
wire_get_option(struct wire_option *o, const unsigned char *in)
{
	o->magic = wire_get64(in);
	o->option = wire_get32(in + 8);
	o->length = wire_get32(in + 12);
}

void
wire_option_reply(unsigned char out[WIRE_OPTION_REPLY], uint32_t option,
    uint32_t type, uint32_t length)
{
	wire_put64(out, NBD_REPLY_MAGIC);
	wire_put32(out + 8, option);
	wire_put32(out + 12, type);
	wire_put32(out + 16, length);
}

void
wire_export_name(unsigned char out[WIRE_EXPORT_NAME], uint64_t size,
    uint16_t flags)
{
	wire_put64(out, size);
	wire_put16(out + 8, flags);
}

void
wire_get_request(struct wire_request *r, const unsigned char *in)
{
	r->magic = wire_get32(in);
	r->flags = wire_get16(in + 4);
	r->command = wire_get16(in + 6);
	r->cookie = wire_get64(in + 8);
	r->offset = wire_get64(in + 16);
	r->length = wire_get32(in + 24);
}

void
wire_get_extended_request(struct wire_request *r, const unsigned char *in)
{
	wire_get_request(r, in);
	r->length = wire_get64(in + 24);
}

void
wire_simple_reply(unsigned char out[WIRE_SIMPLE_REPLY], uint32_t error,
    uint64_t cookie)
{
	wire_put32(out, NBD_SIMPLE_REPLY_MAGIC);
	wire_put32(out + 4, error);
	wire_put64(out + 8, cookie);
}

void
wire_structured_reply(unsigned char out[WIRE_STRUCTURED_REPLY],
    const struct wire_chunk *c)
{
	wire_put32(out, NBD_STRUCTURED_REPLY_MAGIC);
	wire_put16(out + 4, c->flags);
	wire_put16(out + 6, c->type);
	wire_put64(out + 8, c->cookie);
	wire_put32(out + 16, (uint32_t)c->length);
}

void
wire_extended_reply(unsigned char out[WIRE_EXTENDED_REPLY],
    const struct wire_chunk *c)
{
	wire_put32(out, NBD_EXTENDED_REPLY_MAGIC);
	wire_put16(out + 4, c->flags);
	wire_put16(out + 6, c->type);
	wire_put64(out + 8, c->cookie);
	wire_put64(out + 16, c->offset);
	wire_put64(out + 24, c->length);
}

void
wire_info_export(unsigned char out[WIRE_INFO_EXPORT], uint64_t size,
    uint16_t flags)
{
	wire_put16(out, NBD_INFO_EXPORT);
	wire_put64(out + 2, size);
	wire_put16(out + 10, flags);
}

void
wire_info_block_size(unsigned char out[WIRE_INFO_BLOCK_SIZE], uint32_t minimum,
    uint32_t preferred, uint32_t maximum)
{
	wire_put16(out, NBD_INFO_BLOCK_SIZE);
	wire_put32(out + 2, minimum);
	wire_put32(out + 6, preferred);
	wire_put32(out + 10, maximum);
}

int
wire_get_info_request(struct wire_info_request *r, const unsigned char *data,
    size_t len)
{
	if (len < 6)
		return -1;
	r->name_len = wire_get32(data);
	if (r->name_len > len - 6)
		return -1;
	r->name = data + 4;
	r->count = wire_get16(data + 4 + r->name_len);
	r->infos = data + 6 + r->name_len;
	return len - 6 - r->name_len == 2 * (size_t)r->count ? 0 : -1;
}

/* Whether count queries fill len bytes exactly. */
static int
check_queries(const unsigned char *p, size_t len, uint32_t count)
{
	uint32_t n;

	for (; count > 0; count--) {
		if (len < 4 || (n = wire_get32(p)) > len - 4)
			return -1;
		p += 4 + (size_t)n;
		len -= 4 + (size_t)n;
	}
	return len == 0 ? 0 : -1;
}

int
wire_get_meta_request(struct wire_meta_request *r, const unsigned char *data,
    size_t len)
{
	if (len < 8)
		return -1;
	r->name_len = wire_get32(data);
	if (r->name_len > len - 8)
		return -1;
	r->name = data + 4;
	r->count = wire_get32(data + 4 + r->name_len);
	r->queries = data + 8 + r->name_len;
	return check_queries(r->queries, len - 8 - r->name_len, r->count);
}

const char *
wire_next_query(struct wire_meta_request *r, uint32_t *len)
{
	const unsigned char *p = r->queries;

	*len = wire_get32(p);
	r->queries = p + 4 + *len;
	return (const char *)p + 4;
}
