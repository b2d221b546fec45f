/*
 * optinfo: the facts of the export that an option has found (NBD_REP_INFO,
 * the answer to NBD_OPT_EXPORT_NAME) and the beginning of transmission.
 */
#include <string.h>

#include "session/impl.h"

/* Those that were selected for this very export ("SET_META_CONTEXT"). */
static unsigned
contexts(const struct session *s, const struct generation *g)
{
	return strcmp(s->agreed.export, g->name) == 0 ? s->agreed.contexts : 0;
}

/* What was agreed on and the backend can do ("Transmission flags"). */
static uint16_t
transmission_flags(const struct session *s, const struct generation *g)
{
	static const struct {
		unsigned cap;
		uint16_t flag;
	} table[] = {
		{ BACKEND_FLUSH, NBD_FLAG_SEND_FLUSH },
		{ BACKEND_FUA, NBD_FLAG_SEND_FUA },
		{ BACKEND_ROTATIONAL, NBD_FLAG_ROTATIONAL },
		{ BACKEND_TRIM, NBD_FLAG_SEND_TRIM },
		{ BACKEND_ZERO, NBD_FLAG_SEND_WRITE_ZEROES },
		{ BACKEND_MULTI_CONN, NBD_FLAG_CAN_MULTI_CONN },
		{ BACKEND_CACHE, NBD_FLAG_SEND_CACHE },
		{ BACKEND_FAST_ZERO, NBD_FLAG_SEND_FAST_ZERO },
	};
	const struct backend *b = g->backend;
	uint16_t flags = NBD_FLAG_HAS_FLAGS;

	if (!(b->caps & BACKEND_WRITE))
		flags |= NBD_FLAG_READ_ONLY;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (b->caps & table[i].cap)
			flags |= table[i].flag;
	if (g->record.exclusive) /* there is no second connection */
		flags &= (uint16_t)~NBD_FLAG_CAN_MULTI_CONN;
	if (s->agreed.style != STYLE_SIMPLE)
		flags |= NBD_FLAG_SEND_DF;
	if (s->agreed.style == STYLE_EXTENDED && contexts(s, g) != 0)
		flags |= NBD_FLAG_BLOCK_STATUS_PAYLOAD;
	return flags;
}

struct block_sizes {
	uint32_t minimum, preferred, maximum;
};

/* "Size constraints": the export's own, else the backend's. */
static struct block_sizes
block_sizes(const struct generation *g)
{
	const struct record *r = &g->record;
	struct block_sizes b;

	b.minimum = r->block_min != 0 ? (uint32_t)r->block_min :
	    g->backend->block_min;
	b.preferred = r->block_preferred != 0 ? (uint32_t)r->block_preferred :
	    g->backend->block_preferred;
	b.maximum = r->block_max != 0 ? (uint32_t)r->block_max :
	    SESSION_MAX_ADVERTISED;
	if (b.preferred < b.minimum)
		b.preferred = b.minimum;
	while (b.preferred > b.maximum) /* it stays a power of two */
		b.preferred /= 2;
	return b;
}

static int
info_text(struct session *s, enum nbd_info info, const char *text)
{
	unsigned char data[2 + NBD_STRING_MAX];
	size_t len = strlen(text);

	if (len > NBD_STRING_MAX)
		return 0;
	wire_put16(data, info);
	memcpy(data + 2, text, len);
	return option_reply(s, NBD_REP_INFO, data, 2 + len);
}

static int
info_export(struct session *s, const struct generation *g)
{
	unsigned char data[WIRE_INFO_EXPORT];

	wire_info_export(data, g->size, transmission_flags(s, g));
	return option_reply(s, NBD_REP_INFO, data, sizeof(data));
}

static int
info_block_size(struct session *s, const struct generation *g)
{
	struct block_sizes b = block_sizes(g);
	unsigned char data[WIRE_INFO_BLOCK_SIZE];

	wire_info_block_size(data, b.minimum, b.preferred, b.maximum);
	return option_reply(s, NBD_REP_INFO, data, sizeof(data));
}

/* One NBD_INFO of those asked for; unknown ones are ignored (IG-09). */
static int
info_one(struct session *s, const struct generation *g, unsigned info)
{
	switch (info) {
	case NBD_INFO_NAME:
		return info_text(s, NBD_INFO_NAME, g->name);
	case NBD_INFO_DESCRIPTION:
		if (g->record.description == NULL)
			return 0;
		return info_text(s, NBD_INFO_DESCRIPTION,
		    g->record.description);
	case NBD_INFO_BLOCK_SIZE:
		return info_block_size(s, g);
	default:
		return 0;
	}
}

/* The infos asked for as a set of bits, so that each is sent once (IG-10). */
static unsigned
infos_asked(const struct session *s)
{
	struct wire_info_request r;
	unsigned asked = 0;

	if (wire_get_info_request(&r, (const unsigned char *)s->data.data,
	    s->option.length) == -1)
		return 0;
	for (unsigned i = 0; i < r.count; i++) {
		uint16_t info = wire_get16(r.infos + 2 * (size_t)i);

		if (info <= NBD_INFO_BLOCK_SIZE)
			asked |= 1u << info;
	}
	return asked;
}

static int
send_infos(struct session *s, const struct generation *g, unsigned asked)
{
	if (info_export(s, g) == -1)
		return -1;
	for (unsigned i = NBD_INFO_NAME; i <= NBD_INFO_BLOCK_SIZE; i++)
		if ((asked & 1u << i) && info_one(s, g, i) == -1)
			return -1;
	return option_reply(s, NBD_REP_ACK, NULL, 0);
}

/* The answer to EXPORT_NAME: size, flags and, to old clients, 124 zeroes. */
static int
send_export(struct session *s, const struct generation *g)
{
	size_t len = WIRE_EXPORT_NAME;
	unsigned char *p = out_must(s, WIRE_EXPORT_NAME + NBD_ZEROES);

	if (p == NULL)
		return -1;
	wire_export_name(p, g->size, transmission_flags(s, g));
	if (!(s->client_flags & NBD_FLAG_C_NO_ZEROES)) {
		memset(p + len, 0, NBD_ZEROES);
		len += NBD_ZEROES;
	}
	out_commit(s, len);
	return 0;
}

/* Transmission.  A client is held to the block sizes that it asked for. */
static void
enter(struct session *s, struct generation *g, bool constrained)
{
	struct block_sizes b = block_sizes(g);

	s->generation = g;
	s->backend = g->backend;
	s->size = g->size;
	s->flags = transmission_flags(s, g);
	s->contexts = contexts(s, g);
	s->block_min = constrained ? b.minimum : 1;
	s->payload_max = constrained && g->record.block_max != 0 ? b.maximum :
	    SESSION_MAX_ACCEPTED;
	s->counters = s->host->entered(s->arg, g);
	buf_free(&s->data);
	s->phase = PHASE_REQUEST;
}

enum step
export_found(struct session *s, struct generation *g)
{
	bool by_name = s->option.option == NBD_OPT_EXPORT_NAME;
	unsigned asked = by_name ? 0 : infos_asked(s);
	int sent = by_name ? send_export(s, g) : send_infos(s, g, asked);

	s->phase = PHASE_OPTION_HEADER;
	if (!s->joining)
		generation_unref(g);
	else
		enter(s, g, asked & 1u << NBD_INFO_BLOCK_SIZE);
	return sent == -1 ? session_close(s, "out of memory") : STEP_NEXT;
}

