/*
 * mutateops: what may happen to a conversation: new messages come in between,
 * others go, come twice or change places, and the numbers in them are bent.
 */
#include <string.h>

#include "mutate.h"
#include "wire/codec.h"

uint32_t
work_roll(struct work *w, uint32_t sides)
{
	return sides > 0 ? talk_roll(&w->dice) % sides : 0;
}

static unsigned char *
room(struct work *w, size_t len)
{
	unsigned char *p = w->memory + w->made;

	if (len > MADE_MAX - w->made)
		return NULL;
	w->made += len;
	return p;
}

/* A copy that may be changed, with some bytes more. */
static unsigned char *
own(struct work *w, struct part *p, size_t more)
{
	unsigned char *copy = room(w, p->len + more);

	if (copy != NULL) {
		memcpy(copy, p->data, p->len);
		p->data = copy;
	}
	return copy;
}

static void
insert_at(struct work *w, size_t i, struct part p)
{
	struct talk *t = &w->talk;

	if (t->count == TALK_PARTS)
		return;
	memmove(&t->parts[i + 1], &t->parts[i],
	    (t->count++ - i) * sizeof(t->parts[0]));
	t->parts[i] = p;
}

/* Where messages of that kind may stand: behind the last of its kind. */
static size_t
last_of(const struct talk *t, enum part_kind kind)
{
	size_t i = t->count;

	while (i > 0 && t->parts[i - 1].kind > kind)
		i--;
	return i;
}

static size_t
first_of(const struct talk *t, enum part_kind kind)
{
	size_t i = 0;

	while (i < t->count && t->parts[i].kind < kind)
		i++;
	return i;
}

/* --- what may happen to a conversation -------------------------------------- */

static void
insert(struct work *w)
{
	struct talk *t = &w->talk;
	bool option = w->start != START_REQUEST &&
	    (t->end != START_REQUEST || work_roll(w, 3) == 0);
	struct part p = { option ? PART_OPTION : PART_REQUEST, NULL, 0 };
	unsigned char *made = room(w, TALK_MADE);
	size_t first = first_of(t, p.kind), behind = last_of(t, p.kind);

	if (made == NULL)
		return;
	p.data = made;
	p.len = option ? talk_make_option(&w->dice, made) :
	                 talk_make_request(&w->dice, w->extended, made);
	insert_at(w, first + work_roll(w, (uint32_t)(behind - first) + 1), p);
}

static void
take_out(struct work *w)
{
	struct talk *t = &w->talk;
	size_t i;

	if (t->count == 0)
		return;
	i = work_roll(w, (uint32_t)t->count);
	memmove(&t->parts[i], &t->parts[i + 1],
	    (--t->count - i) * sizeof(t->parts[0]));
}

static void
repeat(struct work *w)
{
	size_t i, times = 1 + work_roll(w, 8);

	if (w->talk.count == 0)
		return;
	i = work_roll(w, (uint32_t)w->talk.count);
	while (times-- > 0)
		insert_at(w, i, w->talk.parts[i]);
}

/* Of the same kind, mostly. */
static void
swap(struct work *w)
{
	struct talk *t = &w->talk;
	struct part *a, *b, c;

	if (t->count < 2)
		return;
	a = &t->parts[work_roll(w, (uint32_t)t->count)];
	b = &t->parts[work_roll(w, (uint32_t)t->count)];
	if (a->kind != b->kind && work_roll(w, 20) != 0)
		return;
	c = *a;
	*a = *b;
	*b = c;
}

static uint64_t
get(const unsigned char *p, unsigned width)
{
	return width == 2 ? wire_get16(p) : width == 4 ? wire_get32(p) :
	                                                 wire_get64(p);
}

static void
put(unsigned char *p, unsigned width, uint64_t v)
{
	if (width == 2)
		wire_put16(p, (uint16_t)v);
	else if (width == 4)
		wire_put32(p, (uint32_t)v);
	else
		wire_put64(p, v);
}

static uint64_t
bent(struct work *w, uint64_t v)
{
	static const uint64_t ends[] = { 0, 100003, 1u << 20, 4096, 64u << 20,
		32u << 20, UINT64_C(1) << 32, UINT64_C(1) << 31,
		UINT64_C(1) << 63, 1u << 16, 1u << 30 };

	switch (work_roll(w, 8)) {
	case 0:
		return v + 1;
	case 1:
		return v - 1;
	case 2:
		return v + work_roll(w, 64) - 32;
	case 3:
		return ~UINT64_C(0) - work_roll(w, 3);
	case 4:
		return v ^ UINT64_C(1) << work_roll(w, 64);
	case 5:
		return work_roll(w, 16);
	case 6:
		return UINT64_C(1) << work_roll(w, 64);
	default:
		return ends[work_roll(w, sizeof(ends) / sizeof(ends[0]))] +
		    work_roll(w, 3) - 1;
	}
}

/* Numbers on which the frame hangs seldom: what comes behind would be lost. */
static void
bend(struct work *w)
{
	struct field fields[TALK_FIELDS], *f;
	struct part *p;
	unsigned char *copy;
	size_t n;

	if (w->talk.count == 0)
		return;
	p = &w->talk.parts[work_roll(w, (uint32_t)w->talk.count)];
	n = talk_fields(p, fields);
	if (n == 0)
		return;
	f = &fields[work_roll(w, (uint32_t)n)];
	if (f->framing && work_roll(w, 16) != 0)
		return;
	if ((copy = own(w, p, 0)) != NULL)
		put(copy + f->at, f->width, bent(w, get(copy + f->at,
		    f->width)));
}

/* Where the data begins and the field with its length is. */
static bool
data_of(const struct part *p, size_t *at, struct field *length)
{
	struct field fields[TALK_FIELDS];
	size_t n = talk_fields(p, fields);

	for (size_t i = 0; i < n; i++)
		if (fields[i].framing && fields[i].at >= 12) {
			*length = fields[i];
			*at = fields[i].at + fields[i].width;
			return true;
		}
	return false;
}

/* The data of a message is anything, and as long as the message says. */
static void
scramble(struct work *w)
{
	struct part *p;
	struct field length;
	unsigned char *copy;
	size_t at, len, more = 64;

	if (w->talk.count == 0)
		return;
	p = &w->talk.parts[work_roll(w, (uint32_t)w->talk.count)];
	if (!data_of(p, &at, &length) || (copy = own(w, p, more)) == NULL)
		return;
	len = LLVMFuzzerMutate(copy + at, p->len - at, p->len - at + more);
	p->len = at + len;
	put(copy + length.at, length.width, talk_expanded(copy + at, len));
}

static void
cut(struct work *w)
{
	struct talk *t = &w->talk;
	struct part *p;

	if (t->count == 0 || work_roll(w, 4) != 0)
		return;
	t->count = 1 + work_roll(w, (uint32_t)t->count);
	p = &t->parts[t->count - 1];
	p->len = work_roll(w, (uint32_t)p->len + 1);
}

static void (*const operations[])(struct work *) = {
	insert, insert, insert, insert, insert, take_out, take_out, repeat, swap,
	swap, bend, bend, bend, bend, bend, scramble, cut,
};

void
mutate_once(struct work *w)
{
	operations[work_roll(w, sizeof(operations) / sizeof(operations[0]))](w);
}
