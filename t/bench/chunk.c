/* chunk: structured replies, doc/proto.md "Structured reply chunk message". */
#include <string.h>

#include "t/bench/flow.h"
#include "wire/proto.h"

#define ERROR_MAX (6 + NBD_STRING_MAX + 8) /* number, length, text, offset */

/* What the header says. */
struct chunk_head {
	uint16_t flags, type;
	uint32_t length;
	const unsigned char *payload;
};

static struct chunk_head
decode(const struct flow *f)
{
	return (struct chunk_head){
	    .flags = wire_get16(f->head + 4),
	    .type = wire_get16(f->head + 6),
	    .length = wire_get32(f->head + 16),
	    .payload = f->head + WIRE_STRUCTURED_REPLY,
	};
}

/* Bytes of payload that belong to the header; the rest is data. */
static size_t
fixed(uint16_t type)
{
	switch (type) {
	case NBD_REPLY_TYPE_OFFSET_DATA:
		return 8;
	case NBD_REPLY_TYPE_OFFSET_HOLE:
		return 12;
	default:
		return 0;
	}
}

static bool
is_error(uint16_t type)
{
	return (type & 0x8000) != 0;
}

/* Lengths as they have to be. */
static int
check(const struct chunk_head *h, struct diag *d)
{
	bool good;

	if (is_error(h->type))
		good = h->length >= 6 && h->length <= ERROR_MAX;
	else if (h->type == NBD_REPLY_TYPE_NONE)
		good = h->length == 0 && (h->flags & NBD_REPLY_FLAG_DONE);
	else if (h->type == NBD_REPLY_TYPE_OFFSET_DATA)
		good = h->length > 8;
	else
		good = h->type == NBD_REPLY_TYPE_OFFSET_HOLE &&
		       h->length == 12;
	return good ? 0 :
	              diag_set(d, "a chunk of type %#x has %u bytes, flags %#x",
	                  h->type, h->length, h->flags);
}

/* So many bytes are told of, somewhere inside of what was asked for. */
static int
told(struct slot *s, uint64_t at, uint64_t n, struct diag *d)
{
	uint64_t block = s->length;

	s->told += n;
	if (s->command == NBD_CMD_READ && n > 0 && at >= s->offset && n <= block &&
	    at - s->offset <= block - n && s->told <= block)
		return 0;
	return diag_set(d,
	    "a chunk has %llu bytes at %llu, asked were %llu at %llu",
	    (unsigned long long)n, (unsigned long long)at,
	    (unsigned long long)block, (unsigned long long)s->offset);
}

static int
take(struct flow *f, struct slot *s, const struct chunk_head *h, struct diag *d)
{
	switch (h->type) {
	case NBD_REPLY_TYPE_NONE:
		return 0;
	case NBD_REPLY_TYPE_OFFSET_DATA:
		f->at = wire_get64(h->payload);
		f->left = h->length - 8;
		return told(s, f->at, f->left, d);
	case NBD_REPLY_TYPE_OFFSET_HOLE:
		if (f->plan->verify)
			return diag_set(d, "a hole, where the pattern has none");
		return told(s, wire_get64(h->payload),
		    wire_get32(h->payload + 8), d);
	default: /* an error; what it says is dropped */
		s->failed = true;
		f->left = h->length;
		return 0;
	}
}

int
flow_chunk(struct flow *f, struct meter *m, struct diag *d)
{
	struct chunk_head h;
	struct slot *s;

	if (f->have < WIRE_STRUCTURED_REPLY) {
		f->need = WIRE_STRUCTURED_REPLY;
		return 0;
	}
	h = decode(f);
	if (check(&h, d) == -1)
		return -1;
	f->need = WIRE_STRUCTURED_REPLY + fixed(h.type);
	if (f->have < f->need)
		return 0;
	f->have = 0;
	f->need = WIRE_SIMPLE_REPLY;
	f->last = h.flags & NBD_REPLY_FLAG_DONE;
	if ((s = flow_asked(f, d)) == NULL || take(f, s, &h, d) == -1)
		return -1;
	f->reading = s;
	if (f->last && !s->failed && s->command == NBD_CMD_READ &&
	    s->told != s->length)
		return diag_set(d, "a reply told of %llu of %llu bytes",
		    (unsigned long long)s->told,
		    (unsigned long long)s->length);
	if (f->left == 0 && f->last)
		flow_complete(f, s, !s->failed, m);
	return 0;
}
