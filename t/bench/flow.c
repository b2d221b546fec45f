/* flow: requests out in batches, replies in and checked. */
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "t/bench/flow.h"
#include "wire/proto.h"

#define SEND_BATCH 64  /* requests per system call */
#define RECV_ROUNDS 16 /* reads before other connections have a turn */

/*
 * Up to this size a payload is read together with the headers around it, one
 * system call for many replies; above, MSG_TRUNC drops it in the kernel
 * without copying.  With 16x8x4k against nbdkit the client needs 1.5 us per
 * reply in bulk, 3.6 us with MSG_TRUNC; with 64k it is 12 us and 8 us.
 */
#define BULK_MAX (16 * 1024)

uint64_t
flow_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) +
	    (uint64_t)ts.tv_nsec;
}

/* --- the pattern of nbdkit's pattern plugin: each big-endian 64-bit word
 * holds its own offset ----------------------------------------------------- */

static unsigned char
pattern_byte(uint64_t at)
{
	return (unsigned char)((at & ~UINT64_C(7)) >> (8 * (7 - (at & 7))));
}

static void
pattern_fill(unsigned char *p, size_t len, uint64_t at)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = pattern_byte(at + i);
}

static int
pattern_check(const unsigned char *p, size_t len, uint64_t at, struct diag *d)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != pattern_byte(at + i))
			return diag_set(d,
			    "wrong data at offset %llu: %#x, want %#x",
			    (unsigned long long)(at + i), p[i],
			    pattern_byte(at + i));
	return 0;
}

/* --- opening --------------------------------------------------------------- */

static int
allocate(struct flow *f)
{
	const struct plan *p = f->plan;
	unsigned i;

	f->slots = calloc(p->depth, sizeof(*f->slots));
	f->queue = calloc(p->depth, sizeof(*f->queue));
	if (p->write && p->verify)
		f->buffers = calloc(p->depth, p->block);
	if (f->slots == NULL || f->queue == NULL ||
	    (p->write && p->verify && f->buffers == NULL))
		return -1;
	for (i = 0; p->write && i < p->depth; i++)
		f->slots[i].payload = f->buffers != NULL ?
		    f->buffers + i * p->block :
		    (unsigned char *)(uintptr_t)p->payload;
	return 0;
}

/* Random reads go anywhere; sequential ones have a part each. */
static int
place(struct flow *f, unsigned index, struct diag *d)
{
	const struct plan *p = f->plan;

	f->blocks = f->client.size / p->block;
	if (!p->random)
		f->blocks /= p->conns;
	if (f->blocks == 0)
		return diag_set(d, "the export is too small: %llu bytes",
		    (unsigned long long)f->client.size);
	if (!p->random)
		f->base = f->blocks * index;
	if (p->write && (f->client.flags & NBD_FLAG_READ_ONLY))
		return diag_set(d, "export \"%s\" is read-only", p->export);
	return 0;
}

int
flow_open(struct flow *f, const struct plan *p, unsigned index, struct diag *d)
{
	int known;

	memset(f, 0, sizeof(*f));
	f->plan = p;
	f->rng = (p->seed + index + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	f->quota = UINT64_MAX;
	if (p->count > 0)
		f->quota = p->count / p->conns + (index < p->count % p->conns);
	if (client_open(&f->client, &p->target, d) == -1)
		return -1;
	known = client_go(&f->client, p->export, d);
	if (known == 1)
		diag_set(d, "the server has no export \"%s\"", p->export);
	if (known != 0 || place(f, index, d) == -1)
		return -1;
	if (allocate(f) == -1)
		return diag_set(d, "out of memory");
	return 0;
}

/* --- requests -------------------------------------------------------------- */

static uint64_t
next_block(struct flow *f)
{
	uint64_t x = f->rng;

	if (!f->plan->random) {
		x = f->next++;
		if (f->next == f->blocks)
			f->next = 0;
		return f->base + x;
	}
	x ^= x << 13; /* xorshift64 */
	x ^= x >> 7;
	x ^= x << 17;
	f->rng = x;
	return (uint64_t)(((unsigned __int128)x * f->blocks) >> 64);
}

static void
issue(struct flow *f, unsigned index, uint64_t now)
{
	const struct plan *p = f->plan;
	struct slot *s = &f->slots[index];

	s->offset = next_block(f) * p->block;
	s->cookie = f->serial++ << 16 | index;
	s->start = now;
	s->busy = true;
	wire_put32(s->header, NBD_REQUEST_MAGIC);
	wire_put16(s->header + 4, 0);
	wire_put16(s->header + 6, p->write ? NBD_CMD_WRITE : NBD_CMD_READ);
	wire_put64(s->header + 8, s->cookie);
	wire_put64(s->header + 16, s->offset);
	wire_put32(s->header + 24, (uint32_t)p->block);
	if (f->buffers != NULL)
		pattern_fill(s->payload, p->block, s->offset);
	f->queue[(f->first + f->queued++) % p->depth] = (uint16_t)index;
	f->inflight++;
	f->quota--;
}

void
flow_begin(struct flow *f, struct meter *m)
{
	unsigned i;

	for (i = 0; i < f->plan->depth && f->quota > 0; i++)
		issue(f, i, m->now);
}

/* Requests from the queue as an I/O vector, without what is gone already. */
static int
gather(struct flow *f, struct iovec *iov)
{
	size_t skip = f->sent;
	struct slot *s;
	unsigned i;
	int n = 0;

	for (i = 0; i < f->queued && i < SEND_BATCH; i++) {
		s = &f->slots[f->queue[(f->first + i) % f->plan->depth]];
		if (skip < WIRE_REQUEST) {
			iov[n].iov_base = s->header + skip;
			iov[n++].iov_len = WIRE_REQUEST - skip;
			skip = 0;
		} else
			skip -= WIRE_REQUEST;
		if (s->payload != NULL) {
			iov[n].iov_base = s->payload + skip;
			iov[n++].iov_len = f->plan->block - skip;
		}
		skip = 0;
	}
	return n;
}

static void
advance(struct flow *f, size_t bytes)
{
	size_t message =
	    WIRE_REQUEST + (f->plan->write ? f->plan->block : 0);
	unsigned whole;

	bytes += f->sent;
	whole = (unsigned)(bytes / message);
	f->sent = bytes % message;
	f->first = (f->first + whole) % f->plan->depth;
	f->queued -= whole;
}

int
flow_send(struct flow *f, struct diag *d)
{
	struct iovec iov[2 * SEND_BATCH];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	f->blocked = false;
	while (f->queued > 0) {
		msg.msg_iovlen = (size_t)gather(f, iov);
		n = sendmsg(f->client.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			f->blocked = true;
			return 0;
		}
		if (n == -1)
			return diag_errno(d, "cannot send a request");
		advance(f, (size_t)n);
	}
	return 0;
}

/* --- replies --------------------------------------------------------------- */

static void
complete(struct flow *f, struct slot *s, bool good, struct meter *m)
{
	s->busy = false;
	f->inflight--;
	if (!good)
		m->errors++;
	else if (m->now >= m->begin && m->now < m->end) {
		m->ops++;
		m->bytes += f->plan->block;
		stat_add(&m->latency, m->now - s->start);
	}
	if (f->quota > 0 && m->now < m->end)
		issue(f, (unsigned)(s - f->slots), m->now);
}

/* A whole header: simple replies are all that was agreed on. */
static int
reply(struct flow *f, struct meter *m, struct diag *d)
{
	uint64_t cookie = wire_get64(f->head + 8);
	uint32_t error = wire_get32(f->head + 4);
	unsigned index = cookie & 0xffff;
	struct slot *s;

	f->have = 0;
	if (wire_get32(f->head) != NBD_SIMPLE_REPLY_MAGIC)
		return diag_set(d, "a reply has the magic %#x, want %#x",
		    wire_get32(f->head), NBD_SIMPLE_REPLY_MAGIC);
	s = index < f->plan->depth ? &f->slots[index] : NULL;
	if (s == NULL || !s->busy || s->cookie != cookie)
		return diag_set(d, "a reply answers the cookie %#llx, "
				   "which is not in flight",
		    (unsigned long long)cookie);
	if (error == 0 && !f->plan->write) {
		f->reading = s;
		f->left = f->plan->block;
	} else
		complete(f, s, error == 0, m);
	return 0;
}

static void
payload_gone(struct flow *f, size_t n, struct meter *m)
{
	f->left -= n;
	if (f->left == 0)
		complete(f, f->reading, true, m);
}

static int
feed(struct flow *f, const unsigned char *p, size_t len, struct meter *m,
    struct diag *d)
{
	size_t n;

	for (; len > 0; p += n, len -= n) {
		if (f->left == 0) {
			n = sizeof(f->head) - f->have;
			n = n < len ? n : len;
			memcpy(f->head + f->have, p, n);
			f->have += n;
			if (f->have == sizeof(f->head) && reply(f, m, d) == -1)
				return -1;
			continue;
		}
		n = len < f->left ? len : (size_t)f->left;
		if (f->plan->verify &&
		    pattern_check(p, n,
			f->reading->offset + f->plan->block - f->left, d) == -1)
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
	if (p->write || p->verify || p->block <= BULK_MAX)
		return FLOW_SCRATCH;
	if (f->left == 0)
		return sizeof(f->head) - f->have;
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
	n = recv(f->client.fd, m->scratch, want, flags);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == -1)
		return diag_errno(d, "cannot receive a reply");
	if (n == 0)
		return diag_set(d, "the server closed the connection with %u "
				   "requests in flight", f->inflight);
	m->now = flow_clock();
	if (flags & MSG_TRUNC)
		payload_gone(f, (size_t)n, m);
	else if (feed(f, m->scratch, (size_t)n, m, d) == -1)
		return -1;
	return (size_t)n == want;
}

int
flow_receive(struct flow *f, struct meter *m, struct diag *d)
{
	int rounds, more = 1;

	for (rounds = 0; more == 1 && rounds < RECV_ROUNDS; rounds++) {
		if ((more = receive_once(f, m, d)) == -1)
			return -1;
		/* what nobody has been asked for cannot be there */
		if (f->inflight == f->queued)
			more = 0;
		if (f->queued > 0 && !f->blocked && flow_send(f, d) == -1)
			return -1;
	}
	return 0;
}

void
flow_close(struct flow *f)
{
	unsigned char disc[WIRE_REQUEST] = { 0 };

	if (f->plan == NULL)
		return;
	if (f->client.fd != -1 && f->slots != NULL && f->inflight == 0) {
		wire_put32(disc, NBD_REQUEST_MAGIC);
		wire_put16(disc + 6, NBD_CMD_DISC);
		send(f->client.fd, disc, sizeof(disc), MSG_NOSIGNAL);
	}
	client_close(&f->client);
	free(f->slots);
	free(f->queue);
	free(f->buffers);
	f->plan = NULL;
}
