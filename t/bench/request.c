/* request: what a flow asks for next. */
#include "t/bench/flow.h"
#include "t/bench/pattern.h"
#include "wire/proto.h"

static uint64_t
roll(struct flow *f)
{
	uint64_t x = f->rng;

	x ^= x << 13; /* xorshift64 */
	x ^= x >> 7;
	x ^= x << 17;
	f->rng = x;
	return x;
}

static uint64_t
next_block(struct flow *f)
{
	uint64_t x;

	if (f->plan->random)
		return (uint64_t)(((unsigned __int128)roll(f) * f->blocks) >>
				  64);
	x = f->next++;
	if (f->next == f->blocks)
		f->next = 0;
	return f->base + x;
}

static bool
flush_due(const struct flow *f)
{
	return f->plan->flush > 0 && f->unflushed >= f->plan->flush;
}

bool
flow_wants(const struct flow *f)
{
	return f->quota > 0 || flush_due(f);
}

/* What is asked for next: command, offset and length. */
static void
choose(struct flow *f, struct slot *s)
{
	const struct plan *p = f->plan;
	const struct trace_read *r;

	if (flush_due(f)) {
		f->unflushed = 0;
		s->command = NBD_CMD_FLUSH;
		s->offset = s->length = 0;
		return;
	}
	f->quota--;
	if (p->trace != NULL) {
		r = &p->trace->reads[f->next++];
		s->command = NBD_CMD_READ;
		s->offset = r->offset;
		s->length = r->length;
		return;
	}
	s->offset = next_block(f) * p->block;
	s->length = (uint32_t)p->block;
	s->command = NBD_CMD_READ;
	if (p->writes == 100 || (p->writes > 0 && roll(f) % 100 < p->writes))
		s->command = NBD_CMD_WRITE;
}

void
flow_issue(struct flow *f, unsigned index, uint64_t now)
{
	const struct plan *p = f->plan;
	struct slot *s = &f->slots[index];
	bool write;

	choose(f, s);
	write = s->command == NBD_CMD_WRITE;
	s->cookie = f->serial++ << 16 | index;
	s->start = now;
	s->told = 0;
	s->failed = false;
	s->state = SLOT_QUEUED;
	wire_put32(s->header, NBD_REQUEST_MAGIC);
	wire_put16(s->header + 4, write && p->fua ? NBD_CMD_FLAG_FUA : 0);
	wire_put16(s->header + 6, s->command);
	wire_put64(s->header + 8, s->cookie);
	wire_put64(s->header + 16, s->offset);
	wire_put32(s->header + 24, s->length);
	if (f->buffers != NULL && write)
		pattern_fill(s->payload, s->length, s->offset);
	f->queue[(f->first + f->queued++) % p->depth] = (uint16_t)index;
	f->inflight++;
}

void
flow_begin(struct flow *f, struct meter *m)
{
	unsigned i;

	for (i = 0; i < f->plan->depth && flow_wants(f); i++)
		flow_issue(f, i, m->now);
}
