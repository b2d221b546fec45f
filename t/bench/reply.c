/* reply: the flow's other half: replies in and checked. */
#include <errno.h>
#include <string.h>

#include "t/bench/flow.h"
#include "t/bench/pattern.h"
#include "wire/proto.h"

#define RECV_ROUNDS 16 /* reads before other connections have a turn */

/*
 * Up to this size a payload is read together with the headers around it, one
 * system call for many replies; above, MSG_TRUNC drops it in the kernel
 * without copying.  With 16x8x4k against nbdkit the client needs 1.5 us per
 * reply in bulk, 3.6 us with MSG_TRUNC; with 64k it is 12 us and 8 us.
 */
#define BULK_MAX (16 * 1024)
#define CHUNKS_BULK 4096 /* holes that come together; little to copy of data */
#define RECORD_MAX (32 * 1024) /* TLS: a record, generously */
#define LOWAT_MAX (256 * 1024) /* so that both sides have work */

/* Flushes are the price of writes: they are no operations of their own. */
static void
count(const struct slot *s, struct meter *m)
{
	if (s->command == NBD_CMD_FLUSH) {
		m->flushes++;
		return;
	}
	m->ops++;
	m->bytes += s->length;
	stat_add(&m->latency, m->now - s->start);
}

void
flow_complete(struct flow *f, struct slot *s, bool good, struct meter *m)
{
	s->state = SLOT_FREE;
	f->inflight--;
	if (good && s->command == NBD_CMD_WRITE)
		f->unflushed++;
	if (!good)
		m->errors++;
	else if (m->now >= m->begin && m->now < m->end)
		count(s, m);
	if (!flow_wants(f)) {
		if (f->inflight == 0)
			f->finished = m->now;
		return;
	}
	if (m->now >= m->end)
		return;
	if (!f->plan->lockstep)
		flow_issue(f, (unsigned)(s - f->slots), m->now);
	else if (f->inflight == 0)
		flow_begin(f, m);
}

/* Whom the header answers, or NULL with d set. */
struct slot *
flow_asked(struct flow *f, struct diag *d)
{
	uint64_t cookie = wire_get64(f->head + 8);
	unsigned index = cookie & 0xffff;
	struct slot *s;

	s = index < f->plan->depth ? &f->slots[index] : NULL;
	if (s != NULL && s->state == SLOT_ASKED && s->cookie == cookie)
		return s;
	diag_set(d,
	    "a reply answers the cookie %#llx, "
	    "which is not in flight",
	    (unsigned long long)cookie);
	return NULL;
}

/* A header is there, or as much of it as shows how long it is. */
static int
reply(struct flow *f, struct meter *m, struct diag *d)
{
	uint32_t error = wire_get32(f->head + 4), magic = wire_get32(f->head);
	struct slot *s;

	if (f->plan->structured && magic == NBD_STRUCTURED_REPLY_MAGIC)
		return flow_chunk(f, m, d);
	/* chunks are a must for READ only */
	if (magic != NBD_SIMPLE_REPLY_MAGIC)
		return diag_set(d, "a reply has the magic %#x", magic);
	if ((s = flow_asked(f, d)) == NULL)
		return -1;
	if (f->plan->structured && s->command == NBD_CMD_READ)
		return diag_set(d, "a READ has a simple reply");
	f->have = 0;
	if (error == 0 && s->command == NBD_CMD_READ) {
		f->reading = s;
		f->at = s->offset;
		f->left = s->length;
		f->last = true;
	} else
		flow_complete(f, s, error == 0, m);
	return 0;
}

static void
payload_gone(struct flow *f, size_t n, struct meter *m)
{
	f->left -= n;
	f->at += n;
	if (f->left == 0 && f->last)
		flow_complete(f, f->reading, !f->reading->failed, m);
}

static int
feed(struct flow *f, const unsigned char *p, size_t len, struct meter *m,
    struct diag *d)
{
	size_t n;

	for (; len > 0; p += n, len -= n) {
		if (f->left == 0) {
			n = f->need - f->have;
			n = n < len ? n : len;
			memcpy(f->head + f->have, p, n);
			f->have += n;
			if (f->have == f->need && reply(f, m, d) == -1)
				return -1;
			continue;
		}
		n = len < f->left ? len : (size_t)f->left;
		if (f->plan->verify && !f->reading->failed &&
		    pattern_check(p, n, f->at, d) == -1)
			return -1;
		payload_gone(f, n, m);
	}
	return 0;
}

/*
 * One read: payload that is only dropped, a whole bunch of small replies, or
 * exactly the next header so that the payload behind it can be dropped.
 * Returns the bytes wanted; *flags is for recv().
 */
static size_t
wanted(const struct flow *f, int *flags)
{
	const struct plan *p = f->plan;

	*flags = MSG_DONTWAIT;
	if (p->writes == 100 || p->verify || p->block <= BULK_MAX ||
	    f->client.tls != NULL)
		return FLOW_SCRATCH;
	if (f->left == 0)
		return p->structured ? CHUNKS_BULK : f->need - f->have;
	/* what is cheap to copy, and the header behind it: one call */
	if (f->left <= BULK_MAX)
		return (size_t)f->left + (p->structured ? 0 : f->need);
	/* unix sockets know no MSG_TRUNC on a stream: copied after all */
	if (!p->target.tcp)
		return f->left < FLOW_SCRATCH ? (size_t)f->left : FLOW_SCRATCH;
	*flags |= MSG_TRUNC;
	return (size_t)f->left;
}

/* 1: there may be more; 0: not now; -1 with d set. */
static int
receive_once(struct flow *f, struct meter *m, struct diag *d)
{
	size_t want;
	ssize_t n;
	int flags;

	want = wanted(f, &flags);
	n = client_recv(&f->client, m->scratch, want, flags);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == -1)
		return diag_errno(d, "cannot receive a reply");
	if (n == 0)
		return diag_set(d,
		    "the server closed the connection with %u "
		    "requests in flight",
		    f->inflight);
	m->now = flow_clock();
	if (flags & MSG_TRUNC)
		payload_gone(f, (size_t)n, m);
	else if (feed(f, m->scratch, (size_t)n, m, d) == -1)
		return -1;
	return (size_t)n == want;
}

/*
 * Be woken when the payload is there, not for each segment of it: on this kind
 * of machine waking a client that sleeps costs the one who does it, the
 * server, more than copying 64 KiB, and it is not the server's to answer for.
 * Real clients that read whole replies can do the same.
 */
static void
wait_for_all(struct flow *f)
{
	const struct plan *p = f->plan;
	uint64_t left = f->left;
	int lowat;

	if (f->client.tls != NULL) /* some of it may be here, as half a record */
		left = left > RECORD_MAX ? left - RECORD_MAX : 0;
	lowat = left > LOWAT_MAX ? LOWAT_MAX : left > 1 ? (int)left : 1;

	if (!p->target.tcp || p->writes == 100 || p->verify || p->block <= BULK_MAX ||
	    lowat == f->lowat)
		return;
	if (setsockopt(f->client.fd, SOL_SOCKET, SO_RCVLOWAT, &lowat,
	    sizeof(lowat)) == 0)
		f->lowat = lowat;
}

int
flow_receive(struct flow *f, struct meter *m, struct diag *d)
{
	int rounds, more = 1;

	/* what TLS has read ahead wakes nobody: it is taken to its end */
	for (rounds = 0; more == 1 &&
	    (rounds < RECV_ROUNDS || f->client.tls != NULL); rounds++) {
		if ((more = receive_once(f, m, d)) == -1)
			return -1;
		/* what nobody has been asked for cannot be there */
		if (f->inflight == f->queued)
			more = 0;
		if (f->queued > 0 && !f->blocked && flow_send(f, d) == -1)
			return -1;
	}
	wait_for_all(f);
	return 0;
}
