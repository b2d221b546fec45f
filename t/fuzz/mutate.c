/*
 * mutate: what libFuzzer does to inputs of fuzz_session.  Conversations are
 * changed message by message (see mutateops.c), so that most of them are still
 * conversations afterwards; now and then bytes are changed blindly.
 */
#include <string.h>

#include "mutate.h"
#include "wire/codec.h"
#include "wire/proto.h"

size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t max,
    unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const unsigned char *a, size_t na,
    const unsigned char *b, size_t nb, unsigned char *out, size_t max,
    unsigned seed);

/* Libfuzzer has one thread, and this is too large for a stack. */
static struct work work;

/* --- libFuzzer's two calls -------------------------------------------------- */

/* Requests look as the last that is there, else as the settings say. */
static void
begin(const unsigned char *data, size_t size, unsigned seed)
{
	const struct part *p;

	work.dice = seed * 2654435761u + 1;
	work.made = 0;
	talk_parse(&work.talk, data, data + TALK_CONFIG, size - TALK_CONFIG);
	work.start = talk_start(data);
	work.extended = talk_style(data) == TALK_EXTENDED;
	for (size_t i = 0; i < work.talk.count; i++) {
		p = &work.talk.parts[i];
		if (p->kind == PART_REQUEST)
			work.extended = wire_get32(p->data) ==
			    NBD_EXTENDED_REQUEST_MAGIC;
		else if (p->kind == PART_OPTION &&
		    wire_get32(p->data + 8) == NBD_OPT_EXTENDED_HEADERS)
			work.extended = true;
	}
}

static size_t
write_out(const struct talk *t, unsigned char *out, size_t max)
{
	size_t len = 0;

	for (size_t i = 0; i < t->count && len < max; i++) {
		size_t n = t->parts[i].len;

		if (n > max - len)
			n = max - len;
		memcpy(out + len, t->parts[i].data, n);
		len += n;
	}
	return len;
}

/* Other settings, but for what the conversation begins with. */
static void
set(unsigned char *data)
{
	unsigned i = work_roll(&work, TALK_CONFIG);

	if (i != 1)
		data[i] = (unsigned char)work_roll(&work, 256);
	else
		data[1] = (unsigned char)(data[1] % 32 + 32 * work_roll(&work, 8));
}

/* What is given stands where the result goes. */
static size_t
finish(unsigned char *data, size_t max)
{
	static unsigned char out[1 << 20];
	size_t len = write_out(&work.talk, out, max - TALK_CONFIG < sizeof(out) ?
	    max - TALK_CONFIG : sizeof(out));

	memcpy(data + TALK_CONFIG, out, len);
	return TALK_CONFIG + len;
}

size_t
LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t max,
    unsigned seed)
{
	size_t n;

	if (max < 2 * TALK_CONFIG || seed % 32 == 0)
		return LLVMFuzzerMutate(data, size, max);
	if (size < TALK_CONFIG) {
		memset(data + size, 0, TALK_CONFIG - size);
		data[1] = (unsigned char)(seed % 32);
		size = TALK_CONFIG;
	}
	begin(data, size, seed);
	if (work_roll(&work, 6) == 0)
		set(data);
	for (n = 1 + work_roll(&work, 4); n > 0; n--)
		mutate_once(&work);
	return finish(data, max);
}

/* The messages of one up to somewhere, then of the other from somewhere. */
size_t
LLVMFuzzerCustomCrossOver(const unsigned char *a, size_t na,
    const unsigned char *b, size_t nb, unsigned char *out, size_t max,
    unsigned seed)
{
	static struct talk other;
	struct talk *t = &work.talk;
	enum part_kind least;
	size_t from;

	if (na < TALK_CONFIG || nb < TALK_CONFIG || max < 2 * TALK_CONFIG)
		return 0;
	begin(a, na, seed);
	talk_parse(&other, b, b + TALK_CONFIG, nb - TALK_CONFIG);
	if (other.count == 0)
		return 0;
	memcpy(out, a, TALK_CONFIG);
	t->count = work_roll(&work, (uint32_t)t->count + 1);
	from = work_roll(&work, (uint32_t)other.count);
	least = t->count > 0 ? t->parts[t->count - 1].kind :
	    (enum part_kind)work.start;
	while (from < other.count && other.parts[from].kind < least)
		from++;
	while (from < other.count && t->count < TALK_PARTS)
		t->parts[t->count++] = other.parts[from++];
	return finish(out, max);
}
