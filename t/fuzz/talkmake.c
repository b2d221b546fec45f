/* talkmake: messages as good clients send them. */
#include <string.h>

#include "talk.h"
#include "wire/codec.h"
#include "wire/proto.h"

#define DISK 1048576u /* the exports' sizes, in t/unit/session_host.h */
#define ODD 100003u

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PICK(dice, a) ((a)[talk_roll(dice) % COUNT(a)])

static const char *const names[] = { "disk", "pattern", "odd", "disk",
	"pattern", "odd", "", "none", "DISK", "d" };

static size_t
put_text(unsigned char *out, const char *text)
{
	size_t len = strlen(text);

	wire_put32(out, (uint32_t)len);
	memcpy(out + 4, text, len);
	return 4 + len;
}

static size_t
make_info(uint32_t *dice, unsigned char *out)
{
	size_t len = put_text(out, PICK(dice, names));
	unsigned count = talk_roll(dice) % 6;

	wire_put16(out + len, (uint16_t)count);
	len += 2;
	for (unsigned i = 0; i < count; i++, len += 2)
		wire_put16(out + len, (uint16_t)(talk_roll(dice) % 5));
	return len;
}

static size_t
make_meta(uint32_t *dice, unsigned char *out)
{
	static const char *const queries[] = { "base:allocation", "base:",
		"qemu:allocation-depth", "qemu:", "base:allocation",
		"base:allocatio", "base:allocation2", "x:y", "",
		"qemu:dirty-bitmap:b", "base", ":" };
	size_t len = put_text(out, PICK(dice, names));
	unsigned count = talk_roll(dice) % 5;

	wire_put32(out + len, count);
	len += 4;
	for (unsigned i = 0; i < count; i++)
		len += put_text(out + len, PICK(dice, queries));
	return len;
}

static size_t
make_name(uint32_t *dice, unsigned char *out)
{
	const char *name = PICK(dice, names);

	memcpy(out, name, strlen(name));
	return strlen(name);
}

/* Something that the option does not want, now and then. */
static size_t
make_rubbish(uint32_t *dice, unsigned char *out)
{
	size_t len = talk_roll(dice) % 4 == 0 ? talk_roll(dice) % 20 : 0;

	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)talk_roll(dice);
	return len;
}

static const struct {
	uint32_t option;
	size_t (*make)(uint32_t *dice, unsigned char *out);
} options[] = {
	{ NBD_OPT_LIST, make_rubbish },
	{ NBD_OPT_INFO, make_info },
	{ NBD_OPT_GO, make_info },
	{ NBD_OPT_GO, make_info },
	{ NBD_OPT_STRUCTURED_REPLY, make_rubbish },
	{ NBD_OPT_STRUCTURED_REPLY, make_rubbish },
	{ NBD_OPT_EXTENDED_HEADERS, make_rubbish },
	{ NBD_OPT_LIST_META_CONTEXT, make_meta },
	{ NBD_OPT_SET_META_CONTEXT, make_meta },
	{ NBD_OPT_SET_META_CONTEXT, make_meta },
	{ NBD_OPT_EXPORT_NAME, make_name },
	{ NBD_OPT_STARTTLS, make_rubbish },
	{ NBD_OPT_PEEK_EXPORT, make_rubbish },
	{ 99, make_rubbish },
	{ NBD_OPT_ABORT, make_rubbish },
};

size_t
talk_make_option(uint32_t *dice, unsigned char *out)
{
	size_t i = talk_roll(dice) % COUNT(options), len;

	/* What ends a handshake comes seldom, so that others come behind. */
	if (options[i].option == NBD_OPT_ABORT && talk_roll(dice) % 4)
		i = 0;
	len = options[i].make(dice, out + WIRE_OPTION);
	wire_put64(out, NBD_OPTION_MAGIC);
	wire_put32(out + 8, options[i].option);
	wire_put32(out + 12, (uint32_t)len);
	return WIRE_OPTION + len;
}

/* --- requests -------------------------------------------------------------- */

static uint64_t
some_offset(uint32_t *dice)
{
	static const uint64_t ends[] = { 0, 0, ODD, DISK, DISK / 2, 65536,
		UINT64_C(1) << 32, UINT64_C(1) << 63 };
	uint64_t end = PICK(dice, ends);

	switch (talk_roll(dice) % 4) {
	case 0:
		return end;
	case 1:
		return end - talk_roll(dice) % 9000;
	case 2:
		return talk_roll(dice) % DISK & ~511u;
	default:
		return talk_roll(dice) % ODD;
	}
}

static uint64_t
some_length(uint32_t *dice)
{
	static const uint32_t lengths[] = { 1, 8, 512, 4096, 65536, 131072,
		ODD, DISK, 0, 32u << 20, UINT32_MAX };
	uint32_t n = PICK(dice, lengths);

	switch (talk_roll(dice) % 4) {
	case 0:
		return n;
	case 1:
		return n - 1 + talk_roll(dice) % 3;
	case 2:
		return talk_roll(dice) % 70000 & ~511u;
	default:
		return 1 + talk_roll(dice) % 5000;
	}
}

static size_t
put_header(unsigned char *out, bool extended, const struct wire_request *r)
{
	wire_put32(out, extended ? NBD_EXTENDED_REQUEST_MAGIC :
	                           NBD_REQUEST_MAGIC);
	wire_put16(out + 4, r->flags);
	wire_put16(out + 6, r->command);
	wire_put64(out + 8, r->cookie);
	wire_put64(out + 16, r->offset);
	if (!extended) {
		wire_put32(out + 24, (uint32_t)r->length);
		return WIRE_REQUEST;
	}
	wire_put64(out + 24, r->length);
	return WIRE_EXTENDED_REQUEST;
}

/* Short payload is there as it is, long in pieces that are expanded. */
static size_t
make_payload(uint32_t *dice, unsigned char *out, uint64_t *length)
{
	size_t len = talk_roll(dice) % 100;

	if (talk_roll(dice) % 3 == 0) {
		out[0] = out[1] = 'Z';
		out[2] = (unsigned char)(1 + talk_roll(dice) % 40);
		*length = (uint64_t)out[2] * TALK_PIECE;
		return 3;
	}
	memset(out, 'w', len);
	*length = len;
	return len;
}

/* NBD_CMD_BLOCK_STATUS with a payload: the length and the contexts. */
static size_t
make_contexts(uint32_t *dice, unsigned char *out, uint64_t *length)
{
	unsigned count = talk_roll(dice) % 4;

	wire_put64(out, some_length(dice));
	for (unsigned i = 0; i < count; i++)
		wire_put32(out + 8 + 4 * (size_t)i, talk_roll(dice) % 4);
	*length = 8 + 4 * (uint64_t)count;
	return (size_t)*length;
}

static const struct {
	uint16_t command, flags; /* flags that it knows */
} commands[] = {
	{ NBD_CMD_READ, NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_DF },
	{ NBD_CMD_READ, NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_DF },
	{ NBD_CMD_READ, 0 },
	{ NBD_CMD_WRITE, NBD_CMD_FLAG_FUA },
	{ NBD_CMD_WRITE, 0 },
	{ NBD_CMD_FLUSH, 0 },
	{ NBD_CMD_TRIM, NBD_CMD_FLAG_FUA },
	{ NBD_CMD_CACHE, 0 },
	{ NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE |
	    NBD_CMD_FLAG_FAST_ZERO },
	{ NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE },
	{ NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE },
	{ NBD_CMD_RESIZE, 0 },
	{ NBD_CMD_DISC, 0 },
};

size_t
talk_make_request(uint32_t *dice, bool extended, unsigned char *out)
{
	size_t i = talk_roll(dice) % COUNT(commands), len = 0;
	unsigned char *behind = out +
	    (extended ? WIRE_EXTENDED_REQUEST : WIRE_REQUEST);
	struct wire_request r = { .cookie = talk_roll(dice) % 16 };

	if (commands[i].command == NBD_CMD_DISC && talk_roll(dice) % 8)
		i = 0;
	r.command = commands[i].command;
	r.flags = (uint16_t)(talk_roll(dice) & commands[i].flags);
	if (r.command == NBD_CMD_FLUSH)
		return put_header(out, extended, &r);
	r.offset = some_offset(dice);
	r.length = some_length(dice);
	if (r.command == NBD_CMD_WRITE) {
		len = make_payload(dice, behind, &r.length);
		if (extended)
			r.flags |= NBD_CMD_FLAG_PAYLOAD_LEN;
	} else if (r.command == NBD_CMD_BLOCK_STATUS && extended &&
	    talk_roll(dice) % 2) {
		len = make_contexts(dice, behind, &r.length);
		r.flags |= NBD_CMD_FLAG_PAYLOAD_LEN;
	}
	return put_header(out, extended, &r) + len;
}
