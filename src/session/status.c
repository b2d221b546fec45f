/*
 * status: NBD_CMD_BLOCK_STATUS.  The backend makes one map, from which a chunk
 * is made for each context that was asked about.  With extended headers the
 * request may have a payload that names the contexts.
 */
#include <errno.h>
#include <string.h>

#include "session/impl.h"

#define STATUS_EXTENTS 2000 /* at most, in one reply; two maps are a chunk */
#define STATUS_UNIT 65536u  /* the largest smallest block */
#define STATUS_LONGEST (UINT32_MAX - (STATUS_UNIT - 1)) /* of 32 bits */
#define STATUS_HEAD 8       /* of the payload form: u64 length of the range */

/* A chunk's memory has the backend's map and, behind it, a context's view. */
#define STATUS_MAP (sizeof(struct extents) + \
    STATUS_EXTENTS * sizeof(struct extent))

/* -1: no memory now. */
static int
start(struct session *s, const struct wire_request *w, unsigned contexts)
{
	struct chunk *c = session_chunk(s, 2 * STATUS_MAP);
	struct request *r = c != NULL ? request_new(s, w) : NULL;
	struct extents *map;
	struct piece *p;

	if (r == NULL) {
		session_unchunk(s, c);
		return -1;
	}
	r->contexts = contexts;
	map = (void *)c->data;
	map->count = 0;
	/* A block may have more than one of the file's extents in it. */
	map->max = (w->flags & NBD_CMD_FLAG_REQ_ONE) && s->block_min == 1 ? 1 :
	    STATUS_EXTENTS;
	if ((p = piece_new(r, IO_MAP, c)) == NULL) {
		request_free(r);
		return -1;
	}
	p->io.offset = w->offset;
	p->io.length = w->length;
	p->io.data = map;
	piece_submit(p);
	return 0;
}

int
status_execute(struct session *s, const struct wire_request *w)
{
	if (w->flags & NBD_CMD_FLAG_PAYLOAD_LEN) {
		s->status = *w;
		s->skip = w->length;
		buf_reset(&s->data);
		s->phase = PHASE_STATUS;
		return 0;
	}
	if (w->length == 0) {
		reply_error(s, w, (struct fault){ EINVAL,
		    "block status of no bytes" });
		return 0;
	}
	return start(s, w, s->contexts);
}

/* The set of contexts for n ids; 0: one is unknown or stands there twice. */
static unsigned
named_contexts(const struct session *s, const unsigned char *ids, size_t n)
{
	unsigned set = 0, bit;
	uint32_t id;

	for (; n > 0; n--, ids += 4) {
		id = wire_get32(ids);
		bit = id >= 1 && id <= CONTEXTS ? 1u << (id - 1) : 0;
		if (!(s->contexts & bit) || (set & bit))
			return 0;
		set |= bit;
	}
	return set;
}

/* The payload is complete: the request with its own range, or a fault. */
static struct fault
read_payload(const struct session *s, struct wire_request *w,
    unsigned *contexts)
{
	const unsigned char *data = (const unsigned char *)s->data.data;
	size_t len = s->data.len;

	*w = s->status;
	if (len < STATUS_HEAD + 4 || (len - STATUS_HEAD) % 4 != 0)
		return (struct fault){ EINVAL, "payload is not a length and "
		    "contexts" };
	*contexts = named_contexts(s, data + STATUS_HEAD,
	    (len - STATUS_HEAD) / 4);
	if (*contexts == 0)
		return (struct fault){ EINVAL, "payload names a context twice "
		    "or one that was not selected" };
	w->length = wire_get64(data);
	w->flags &= (uint16_t)~NBD_CMD_FLAG_PAYLOAD_LEN;
	if (w->length == 0)
		return (struct fault){ EINVAL, "block status of no bytes" };
	return request_range(s, w);
}

/*
 * More than all contexts need is read, but not kept: it cannot be right, and
 * one byte too many is enough to know.
 */
enum step
step_status(struct session *s, struct input *in)
{
	size_t n = in->len < s->skip ? in->len : (size_t)s->skip;
	size_t room = STATUS_HEAD + 4 * CONTEXTS + 4 - s->data.len;
	struct wire_request w;
	struct fault fault;
	unsigned contexts;

	if (n > 0 && buf_add(&s->data, in->data, n < room ? n : room) == -1)
		return session_close(s, "out of memory");
	in->data += n;
	in->len -= n;
	s->skip -= n;
	if (s->skip > 0)
		return STEP_MORE;
	fault = read_payload(s, &w, &contexts);
	if (fault.error != 0)
		reply_error(s, &s->status, fault);
	else if (start(s, &w, contexts) == -1)
		return session_starved(s);
	if (s->phase == PHASE_STATUS)
		s->phase = PHASE_REQUEST;
	return s->phase == PHASE_CLOSED ? STEP_CLOSE : STEP_NEXT;
}

/*
 * What an extent is in a context.  An image is one layer, its holes too: 0
 * would tell a client that something lies below it ("qemu:allocation-depth"
 * in qemu's docs/interop/nbd.txt).
 */
static unsigned
status_of(enum context context, unsigned flags)
{
	if (context == CONTEXT_DEPTH)
		return 1;
	return (flags & EXTENT_HOLE ? NBD_STATE_HOLE : 0) |
	    (flags & EXTENT_ZERO ? NBD_STATE_ZERO : 0);
}

/*
 * The end of an extent, moved to a multiple of the smallest block: the block
 * that has the border in it is what may be said of both of its sides.  Of what
 * is behind the last one nothing is known.
 */
static uint64_t
border(const struct session *s, const struct extent *e, uint64_t end,
    uint64_t mapped)
{
	uint64_t into = end & (s->block_min - 1);
	uint64_t up = end - into + s->block_min;

	if (into == 0 || end == s->size)
		return end;
	if (end == mapped || (e[0].flags & ~e[1].flags))
		return end - into;
	return up < s->size ? up : s->size;
}

/* A file that is no multiple of the smallest block goes on behind the export. */
static uint64_t
within(const struct session *s, uint64_t end)
{
	return end < s->size ? end : s->size;
}

static uint64_t
total(const struct extents *e)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < e->count; i++)
		sum += e->list[i].length;
	return sum;
}

/*
 * The map as one context sees it, joined where it sees no difference, and
 * within what the request and the width of a length allow.
 */
static void
view(const struct request *r, const struct extents *map, enum context context,
    struct extents *out)
{
	const struct session *s = r->session;
	uint64_t at = r->wire.offset, end = at, stop;
	uint64_t asked = at + r->wire.length;
	uint64_t mapped = within(s, at + total(map));
	uint64_t limit = r->wire.flags & NBD_CMD_FLAG_REQ_ONE ? r->wire.length :
	    UINT64_MAX;

	out->count = 0;
	for (size_t i = 0; i < map->count && at < asked; i++) {
		end = within(s, end + map->list[i].length);
		stop = border(s, &map->list[i], end, mapped);
		if (stop <= at)
			continue;
		if (!extents_add(out, stop - at,
		    status_of(context, map->list[i].flags)))
			break;
		at = stop;
	}
	/* Not even one block is known whole: data is always true. */
	if (out->count == 0)
		extents_add(out, s->block_min, status_of(context, 0));
	if (out->list[0].length > limit)
		out->list[0].length = limit;
}

/* With lengths of 32 bits all ends behind the first extent that is longer. */
static void
clip(const struct request *r, struct extents *e)
{
	uint64_t at = r->wire.offset;

	for (size_t i = 0; i < e->count; at += e->list[i++].length)
		if (e->list[i].length > STATUS_LONGEST) {
			e->list[i].length = STATUS_LONGEST - at % STATUS_UNIT;
			e->count = i + 1;
		}
}

static size_t
put_compact(unsigned char *p, enum context context, const struct extents *e)
{
	unsigned char *from = p;

	wire_put32(p, CONTEXT_ID(context));
	p += 4;
	for (size_t i = 0; i < e->count; i++, p += 8) {
		wire_put32(p, (uint32_t)e->list[i].length);
		wire_put32(p + 4, e->list[i].flags);
	}
	return (size_t)(p - from);
}

static size_t
put_extended(unsigned char *p, enum context context, const struct extents *e)
{
	unsigned char *from = p;

	wire_put32(p, CONTEXT_ID(context));
	wire_put32(p + 4, (uint32_t)e->count);
	p += 8;
	for (size_t i = 0; i < e->count; i++, p += 16) {
		wire_put64(p, e->list[i].length);
		wire_put64(p + 8, e->list[i].flags);
	}
	return (size_t)(p - from);
}

/* One chunk; last: it ends the reply.  -1 without memory. */
static int
tell(struct request *r, const struct extents *e, enum context context,
    bool last)
{
	struct session *s = r->session;
	bool extended = s->agreed.style == STYLE_EXTENDED;
	size_t payload = extended ? 8 + 16 * e->count : 4 + 8 * e->count;
	unsigned char *p = out_must(s, WIRE_EXTENDED_REPLY + payload);
	size_t n;

	if (p == NULL)
		return -1;
	n = reply_put_chunk(s, p, &r->wire, extended ?
	    NBD_REPLY_TYPE_BLOCK_STATUS_EXT : NBD_REPLY_TYPE_BLOCK_STATUS,
	    payload, last ? NBD_REPLY_FLAG_DONE : 0);
	n += extended ? put_extended(p + n, context, e) :
	                put_compact(p + n, context, e);
	out_commit(s, n);
	return 0;
}

static int
answer(struct request *r, const struct chunk *c)
{
	const struct extents *map = (const void *)c->data;
	struct extents *e = (void *)(c->data + STATUS_MAP);
	unsigned left = r->contexts;

	e->max = r->wire.flags & NBD_CMD_FLAG_REQ_ONE ? 1 : map->max;
	for (unsigned i = 0; i < CONTEXTS; i++) {
		if (!(left & 1u << i))
			continue;
		left &= ~(1u << i);
		view(r, map, i, e);
		if (r->session->agreed.style == STYLE_STRUCTURED)
			clip(r, e);
		if (tell(r, e, i, left == 0) == -1)
			return -1;
	}
	return 0;
}

void
status_complete(struct piece *p)
{
	struct request *r = p->request;
	struct session *s = r->session;

	r->outstanding--;
	r->error = p->io.error;
	if (r->error == 0 && answer(r, p->chunk) == -1) {
		session_close(s, "out of memory");
	} else {
		if (r->error != 0)
			reply_error_at(s, &r->wire, r->error, r->wire.offset);
		else
			reply_count(s, r->wire.command, 0, 0);
		reply_timed(r);
	}
	piece_free(p);
	request_free(r);
}
