/* flow: opening, and requests out in batches. */
#include <sys/uio.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "t/bench/flow.h"
#include "wire/proto.h"

#define SEND_BATCH 64 /* requests per system call */

uint64_t
flow_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)ts.tv_nsec;
}

/* --- opening ---------------------------------------------------------------
 */

static int
allocate(struct flow *f)
{
	const struct plan *p = f->plan;
	unsigned i;

	f->slots = calloc(p->depth, sizeof(*f->slots));
	f->queue = calloc(p->depth, sizeof(*f->queue));
	if (p->writes > 0 && p->verify)
		f->buffers = calloc(p->depth, p->block);
	if (f->slots == NULL || f->queue == NULL ||
	    (p->writes > 0 && p->verify && f->buffers == NULL))
		return -1;
	for (i = 0; p->writes > 0 && i < p->depth; i++)
		f->slots[i].payload =
		    f->buffers != NULL ? f->buffers + i * p->block
				       : (unsigned char *)p->payload;
	return 0;
}

static int
place_trace(struct flow *f, struct diag *d)
{
	if (f->client.size >= f->plan->trace->end)
		return 0;
	return diag_set(d, "the trace reads %llu bytes, the export has %llu",
	    (unsigned long long)f->plan->trace->end,
	    (unsigned long long)f->client.size);
}

/* What the server says that it can. */
static int
able(const struct flow *f, struct diag *d)
{
	const struct plan *p = f->plan;
	const char *what = NULL;

	if (p->writes > 0 && (f->client.flags & NBD_FLAG_READ_ONLY))
		what = "is read-only";
	else if (p->fua && !(f->client.flags & NBD_FLAG_SEND_FUA))
		what = "knows no FUA";
	else if (p->flush > 0 && !(f->client.flags & NBD_FLAG_SEND_FLUSH))
		what = "knows no flushes";
	return what == NULL ? 0 :
	                      diag_set(d, "export \"%s\" %s", p->export, what);
}

/* Random reads go anywhere; sequential ones have a part each. */
static int
place(struct flow *f, unsigned index, struct diag *d)
{
	const struct plan *p = f->plan;

	if (p->trace != NULL)
		return place_trace(f, d);
	f->blocks = f->client.size / p->block;
	if (!p->random)
		f->blocks /= p->conns;
	if (f->blocks == 0)
		return diag_set(d, "the export is too small: %llu bytes",
		    (unsigned long long)f->client.size);
	if (!p->random)
		f->base = f->blocks * index;
	return 0;
}

/* Its export's name.  With more exports than connections it is any of them. */
static const char *
export_of(const struct plan *p, unsigned index, char *text, size_t size)
{
	unsigned step = p->exports / p->conns;

	if (p->exports == 0)
		return p->export;
	snprintf(text, size, "%s%u", p->export,
	    index * (step > 0 ? step : 1) % p->exports);
	return text;
}

int
flow_open(struct flow *f, const struct plan *p, unsigned index, struct diag *d)
{
	char text[256];
	const char *export = export_of(p, index, text, sizeof(text));
	int known;

	memset(f, 0, sizeof(*f));
	f->plan = p;
	f->rng = (p->seed + index + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	f->quota = UINT64_MAX;
	f->need = WIRE_SIMPLE_REPLY;
	if (p->count > 0)
		f->quota = p->count / p->conns + (index < p->count % p->conns);
	if (client_open(&f->client, &p->target, d) == -1)
		return -1;
	if (p->structured && client_structured(&f->client, d) == -1)
		return -1;
	known = client_go(&f->client, export, d);
	if (known == 1)
		diag_set(d, "the server has no export \"%s\"", export);
	if (known != 0 || able(f, d) == -1 || place(f, index, d) == -1)
		return -1;
	if (allocate(f) == -1)
		return diag_set(d, "out of memory");
	return 0;
}

/* --- sending ---------------------------------------------------------------
 */

/* Of the request with that position in the queue, what goes out. */
static size_t
message(const struct flow *f, unsigned i)
{
	const struct slot *s;

	s = &f->slots[f->queue[(f->first + i) % f->plan->depth]];
	return WIRE_REQUEST + (s->command == NBD_CMD_WRITE ? s->length : 0);
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
		if (s->command == NBD_CMD_WRITE) {
			iov[n].iov_base = s->payload + skip;
			iov[n++].iov_len = s->length - skip;
		}
		skip = 0;
	}
	return n;
}

static void
advance(struct flow *f, size_t bytes)
{
	size_t len;

	bytes += f->sent;
	while (f->queued > 0 && bytes >= (len = message(f, 0))) {
		bytes -= len;
		f->slots[f->queue[f->first]].state = SLOT_ASKED;
		f->first = (f->first + 1) % f->plan->depth;
		f->queued--;
	}
	f->sent = bytes;
}

int
flow_send(struct flow *f, struct diag *d)
{
	struct iovec iov[2 * SEND_BATCH];
	struct msghdr msg = {.msg_iov = iov};
	ssize_t n;

	f->blocked = false;
	while (f->queued > 0) {
		msg.msg_iovlen = (size_t)gather(f, iov);
		n = client_sendmsg(&f->client, &msg, MSG_DONTWAIT);
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

void
flow_close(struct flow *f)
{
	unsigned char disc[WIRE_REQUEST] = {0};
	struct iovec iov = {.iov_base = disc, .iov_len = sizeof(disc)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (f->plan == NULL)
		return;
	if (f->client.fd != -1 && f->slots != NULL && f->inflight == 0) {
		wire_put32(disc, NBD_REQUEST_MAGIC);
		wire_put16(disc + 6, NBD_CMD_DISC);
		client_sendmsg(&f->client, &msg, 0);
	}
	client_close(&f->client);
	free(f->slots);
	free(f->queue);
	free(f->buffers);
	f->plan = NULL;
}
