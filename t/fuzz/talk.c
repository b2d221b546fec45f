/* talk: a conversation taken apart into messages. */
#include <string.h>

#include "talk.h"
#include "wire/codec.h"
#include "wire/proto.h"

uint32_t
talk_roll(uint32_t *dice)
{
	*dice = *dice * 1664525u + 1013904223u;
	return *dice >> 8;
}

enum talk_start
talk_start(const unsigned char *config)
{
	unsigned kind = config[1] % 8;

	return kind == 0 ? START_FLAGS : kind <= 2 ? START_OPTION :
	                                             START_REQUEST;
}

enum talk_style
talk_style(const unsigned char *config)
{
	return (enum talk_style)(config[1] / 8 % 4);
}

unsigned
talk_tls(const unsigned char *config)
{
	return config[2] < 128 ? 0 : config[2] / 64 - 1;
}

const char *
talk_export(const unsigned char *config)
{
	static const char *const names[] = { "disk", "pattern", "odd" };

	return names[config[1] % 8 % 3];
}

/* One byte, or "ZZ" and its count: how many bytes are here, and mean what. */
static size_t
token(const unsigned char *data, size_t size, size_t *means)
{
	*means = 1;
	if (size < 3 || data[0] != 'Z' || data[1] != 'Z')
		return 1;
	*means = (size_t)data[2] * TALK_PIECE;
	return 3;
}

size_t
talk_expanded(const unsigned char *data, size_t size)
{
	size_t total = 0, n, means;

	for (; size > 0; data += n, size -= n, total += means)
		n = token(data, size, &means);
	return total;
}

/* How many bytes of the input stand for so many of the stream. */
static size_t
taken(const unsigned char *data, size_t size, uint64_t wanted)
{
	size_t at = 0, means;
	uint64_t had = 0;

	while (at < size && had < wanted) {
		at += token(data + at, size - at, &means);
		had += means;
	}
	return at;
}

/* Does the option lead into transmission?  As far as one can tell here. */
static bool
is_entry(const struct wire_option *o, const unsigned char *data, size_t len)
{
	static const char *const names[] = { "disk", "pattern", "odd" };
	struct wire_info_request r;

	if (o->option == NBD_OPT_EXPORT_NAME) {
		r.name = data;
		r.name_len = (uint32_t)len;
	} else if (o->option != NBD_OPT_GO ||
	    wire_get_info_request(&r, data, len) == -1) {
		return false;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (r.name_len == strlen(names[i]) &&
		    memcmp(r.name, names[i], r.name_len) == 0)
			return true;
	return false;
}

static size_t
option_len(const unsigned char *data, size_t size, bool *entry)
{
	struct wire_option o;
	size_t len;

	if (size < WIRE_OPTION)
		return 0;
	wire_get_option(&o, data);
	if (o.magic != NBD_OPTION_MAGIC)
		return 0;
	len = taken(data + WIRE_OPTION, size - WIRE_OPTION, o.length);
	*entry = is_entry(&o, data + WIRE_OPTION, len);
	return WIRE_OPTION + len;
}

static size_t
header_len(const unsigned char *data, size_t size)
{
	size_t len;

	if (size < 4)
		return 0;
	len = wire_get32(data) == NBD_REQUEST_MAGIC ? WIRE_REQUEST :
	    wire_get32(data) == NBD_EXTENDED_REQUEST_MAGIC ?
	    WIRE_EXTENDED_REQUEST : 0;
	return len <= size ? len : 0;
}

static bool
has_payload(const struct wire_request *r)
{
	return r->command == NBD_CMD_WRITE ||
	    (r->magic == NBD_EXTENDED_REQUEST_MAGIC &&
	    (r->flags & NBD_CMD_FLAG_PAYLOAD_LEN));
}

static void
get_request(struct wire_request *r, const unsigned char *data, size_t header)
{
	if (header == WIRE_REQUEST)
		wire_get_request(r, data);
	else
		wire_get_extended_request(r, data);
}

static size_t
request_len(const unsigned char *data, size_t size)
{
	size_t len = header_len(data, size);
	struct wire_request r;

	if (len == 0)
		return 0;
	get_request(&r, data, len);
	if (has_payload(&r))
		len += taken(data + len, size - len, r.length);
	return len;
}

static void
add(struct talk *t, enum part_kind kind, const unsigned char *data, size_t len)
{
	t->parts[t->count++] = (struct part){ kind, data, len };
}

void
talk_parse(struct talk *t, const unsigned char *config,
    const unsigned char *data, size_t size)
{
	bool entry = false;
	size_t n;

	t->end = talk_start(config);
	for (t->count = 0; size > 0; data += n, size -= n) {
		n = 0;
		if (t->count == TALK_PARTS - 1)
			;
		else if (t->end == START_FLAGS)
			n = size < WIRE_CLIENT_FLAGS ? 0 : WIRE_CLIENT_FLAGS;
		else if (t->end == START_OPTION)
			n = option_len(data, size, &entry);
		else
			n = request_len(data, size);
		if (n == 0) {
			add(t, PART_REST, data, size);
			return;
		}
		add(t, (enum part_kind)t->end, data, n);
		if (t->end == START_FLAGS || entry)
			t->end++;
		entry = false;
	}
}

/* --- the numbers in a message ---------------------------------------------- */

struct fields {
	struct field *list;
	size_t count, len; /* len: the message's */
};

static void
field(struct fields *f, size_t at, unsigned width, bool framing)
{
	if (f->count < TALK_FIELDS && at + width <= f->len)
		f->list[f->count++] = (struct field){ at, width, framing };
}

/* A length, what it counts, a count, and that many of the given width. */
static void
info_fields(struct fields *f, const unsigned char *data)
{
	size_t at = WIRE_OPTION;

	field(f, at, 4, false);
	if (f->len < at + 4)
		return;
	at += 4 + (size_t)wire_get32(data + at);
	for (; at + 2 <= f->len && f->count < TALK_FIELDS; at += 2)
		field(f, at, 2, false);
}

static void
meta_fields(struct fields *f, const unsigned char *data)
{
	size_t at = WIRE_OPTION;

	field(f, at, 4, false);
	if (f->len < at + 4)
		return;
	at += 4 + (size_t)wire_get32(data + at);
	field(f, at, 4, false); /* of queries */
	at += 4;
	while (at + 4 <= f->len && f->count < TALK_FIELDS) {
		field(f, at, 4, false);
		at += 4 + (size_t)wire_get32(data + at);
	}
}

static void
option_fields(struct fields *f, const unsigned char *data)
{
	uint32_t option = wire_get32(data + 8);

	field(f, 8, 4, false);
	field(f, 12, 4, true);
	if (option == NBD_OPT_INFO || option == NBD_OPT_GO)
		info_fields(f, data);
	if (option == NBD_OPT_LIST_META_CONTEXT ||
	    option == NBD_OPT_SET_META_CONTEXT)
		meta_fields(f, data);
}

static void
request_fields(struct fields *f, const unsigned char *data)
{
	size_t header = header_len(data, f->len);
	struct wire_request r;

	if (header == 0)
		return;
	get_request(&r, data, header);
	field(f, 0, 4, true);
	field(f, 4, 2, header == WIRE_EXTENDED_REQUEST);
	field(f, 6, 2, true);
	field(f, 8, 8, false);
	field(f, 16, 8, false);
	field(f, 24, header == WIRE_REQUEST ? 4 : 8, has_payload(&r));
	if (r.command != NBD_CMD_BLOCK_STATUS)
		return;
	field(f, header, 8, false);
	for (size_t at = header + 8; at + 4 <= f->len; at += 4)
		field(f, at, 4, false);
}

size_t
talk_fields(const struct part *p, struct field fields[TALK_FIELDS])
{
	struct fields f = { fields, 0, p->len };

	if (p->kind == PART_FLAGS)
		field(&f, 0, 4, false);
	else if (p->kind == PART_OPTION)
		option_fields(&f, p->data);
	else if (p->kind == PART_REQUEST)
		request_fields(&f, p->data);
	return f.count;
}
