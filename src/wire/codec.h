/*
 * codec: headers <-> bytes.  Integers on the wire are big-endian; here and
 * nowhere else they become the host's.  Pure functions on the caller's
 * memory: no allocation, no descriptor, no validation beyond the shape.
 */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#define WIRE_GREETING 18      /* magics and handshake flags */
#define WIRE_CLIENT_FLAGS 4
#define WIRE_OPTION 16        /* header of an option */
#define WIRE_OPTION_REPLY 20  /* header of a reply to one */
#define WIRE_EXPORT_NAME 10   /* answer to NBD_OPT_EXPORT_NAME, unpadded */
#define WIRE_REQUEST 28
#define WIRE_EXTENDED_REQUEST 32
#define WIRE_SIMPLE_REPLY 16
#define WIRE_STRUCTURED_REPLY 20 /* headers of chunks */
#define WIRE_EXTENDED_REPLY 32
#define WIRE_INFO_EXPORT 12
#define WIRE_INFO_BLOCK_SIZE 14

uint16_t wire_get16(const void *p);
uint32_t wire_get32(const void *p);
uint64_t wire_get64(const void *p);
void wire_put16(void *p, uint16_t v);
void wire_put32(void *p, uint32_t v);
void wire_put64(void *p, uint64_t v);

struct wire_option {
	uint64_t magic;
	uint32_t option;
	uint32_t length;
};

struct wire_request {
	uint32_t magic;
	uint16_t flags;
	uint16_t command;
	uint64_t cookie;
	uint64_t offset;
	uint64_t length; /* 32 bits in the compact form */
};

void wire_greeting(unsigned char out[WIRE_GREETING], uint16_t flags);
void wire_get_option(struct wire_option *o, const unsigned char *in);
void wire_option_reply(unsigned char out[WIRE_OPTION_REPLY], uint32_t option,
    uint32_t type, uint32_t length);
void wire_export_name(unsigned char out[WIRE_EXPORT_NAME], uint64_t size,
    uint16_t flags);
void wire_get_request(struct wire_request *r, const unsigned char *in);
void wire_get_extended_request(struct wire_request *r,
    const unsigned char *in);
void wire_simple_reply(unsigned char out[WIRE_SIMPLE_REPLY], uint32_t error,
    uint64_t cookie);

/* The header of a chunk of a reply; length is that of its payload. */
struct wire_chunk {
	uint16_t flags, type;
	uint64_t cookie;
	uint64_t offset; /* the request's; not in the structured form */
	uint64_t length; /* 32 bits in the structured form */
};
void wire_structured_reply(unsigned char out[WIRE_STRUCTURED_REPLY],
    const struct wire_chunk *c);
void wire_extended_reply(unsigned char out[WIRE_EXTENDED_REPLY],
    const struct wire_chunk *c);
void wire_info_export(unsigned char out[WIRE_INFO_EXPORT], uint64_t size,
    uint16_t flags);
void wire_info_block_size(unsigned char out[WIRE_INFO_BLOCK_SIZE],
    uint32_t minimum, uint32_t preferred, uint32_t maximum);

/*
 * The data of NBD_OPT_INFO and NBD_OPT_GO: u32 length and name, u16 count
 * and that many u16.  0, or -1 when the lengths do not add up to len
 * exactly.  name and infos point into the data.
 */
struct wire_info_request {
	const unsigned char *name;
	uint32_t name_len;
	uint16_t count;
	const unsigned char *infos; /* count big-endian u16 */
};
int wire_get_info_request(struct wire_info_request *r,
    const unsigned char *data, size_t len);

/*
 * The data of NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT: u32
 * length and name, u32 count and that many queries.  0, or -1 when the
 * lengths do not add up to len exactly.  wire_next_query() gives one query
 * after the other, count times.
 */
struct wire_meta_request {
	const unsigned char *name;
	uint32_t name_len;
	uint32_t count;
	const unsigned char *queries;
};
int wire_get_meta_request(struct wire_meta_request *r,
    const unsigned char *data, size_t len);
const char *wire_next_query(struct wire_meta_request *r, uint32_t *len);

#endif
