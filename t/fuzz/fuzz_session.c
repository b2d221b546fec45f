/*
 * fuzz_session: any bytes as a client.  The first bytes choose how the host
 * behaves, the others are the client's stream.  The conversation is held
 * twice: in one go, answered at once; and in pieces, by a slow client, with
 * answers that come late and in another order.  What is said must not depend
 * on that, and nothing may be left over.  Sometimes the disks fail on the
 * way; then only the latter holds.
 */
#include "../unit/session_host.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define CONFIG 8

static struct host host;
static unsigned char *fresh[3]; /* the disks as they were */

static void
require(bool truth)
{
	if (!truth)
		abort();
}

static void
init(void)
{
	if (host.registry != NULL)
		return;
	host_begin(&host);
	for (unsigned i = 0; i < 3; i++) {
		size_t bytes = host.exports[i]->backend->size;

		fresh[i] = malloc(bytes);
		memcpy(fresh[i], host_disk(&host, i), bytes);
	}
}

static void
restore(void)
{
	for (unsigned i = 0; i < 3; i++)
		if (host.dirty && i != 1)
			memcpy(host_disk(&host, i), fresh[i],
			    host.exports[i]->backend->size);
	host.dirty = false;
}

static uint32_t
roll(uint32_t *dice)
{
	*dice = *dice * 1664525u + 1013904223u;
	return *dice >> 8;
}

/* What the stream begins with, so that little is needed to get far. */
static void
prefix(struct buf *b, unsigned kind)
{
	static const char *const names[] = { "disk", "pattern", "odd" };

	buf_reset(b);
	if (kind % 8 == 0)
		return;
	put_flags(b, NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
	if (kind % 8 > 2)
		put_go(b, NBD_OPT_GO, names[kind % 3], 4);
}

/* "ZZ" and a byte stand for up to a MiB of payload. */
static void
expand(struct buf *b, const unsigned char *data, size_t size)
{
	static char payload[4096];
	unsigned left = 512; /* such pieces in all */

	memset(payload, 'z', sizeof(payload));
	while (size > 0) {
		if (size < 3 || data[0] != 'Z' || data[1] != 'Z') {
			buf_add(b, data++, 1);
			size--;
			continue;
		}
		for (unsigned i = 0; i < data[2] && left > 0; i++, left--)
			buf_add(b, payload, sizeof(payload));
		data += 3;
		size -= 3;
	}
}

static void
settings(const unsigned char *c)
{
	host.config.default_export = c[0] & 1 ? "odd" : NULL;
	host.config.listing = !(c[0] & 2);
	host.config.no_zeroes = !(c[0] & 4) || c[1] % 8 != 0;
	host.config.max_options = 1 + c[2] % 8;
	host.config.max_requests = 1 + c[3] % 16;
	host.exports[0]->record.block_min = c[0] & 8 ? 512 : 0;
	host.exports[2]->record.block_max = c[0] & 16 ? HOST_MiB : 0;
}

/* The measure: everything at once. */
static void
in_one_go(const struct buf *stream)
{
	host.answer = ANSWER_NOW;
	host.hold_acquire = false;
	host.window = SIZE_MAX;
	host.fail = 0;
	host.budget.limit = 64 * HOST_MiB;
	host.config.max_queued = HOST_MiB;
	host_session(&host);
	host_feed(&host, stream->data, stream->len);
}

/* Something of what could happen next happens. */
static void
let_go(uint32_t *dice)
{
	if (host.acquiring) {
		host_acquired(&host);
		host_run(&host);
	}
	if (host.queued > 0)
		host_complete(&host, roll(dice) % host.queued);
}

/* Into the place for payload when there is one, as the loop does it. */
static size_t
feed_some(const char *data, size_t n, uint32_t *dice)
{
	void *place;
	size_t room;

	if (host.in.len > 0 || (room = session_space(host.session,
	    &place)) == 0 || roll(dice) % 4 == 0) {
		host_feed(&host, data, n);
		return n;
	}
	n = n < room ? n : room;
	memcpy(place, data, n);
	session_filled(host.session, n);
	host_run(&host);
	return n;
}

static void
in_pieces(const struct buf *stream, const unsigned char *c, uint32_t dice)
{
	static const size_t windows[] = { SIZE_MAX, 1, 100, 5000, 100000 };
	static const size_t most[] = { 1, 7, 29, 500, 70000, 1000000 };
	size_t at = 0, n;

	host.answer = c[4] % 5 > ANSWER_MIXED ? ANSWER_NOW : c[4] % 5;
	host.hold_acquire = c[4] & 128;
	host.fail = c[4] & 64 ? EIO : 0;
	host.pass = c[7] % 8;
	host.window = windows[c[5] % 5];
	host.patience = 5000; /* a MiB byte by byte would take too long */
	host.budget.limit = c[5] & 64 ? 0 : c[5] & 128 ? 300000 : HOST_MiB * 8;
	host.config.max_queued = c[5] & 32 ? 65536 : HOST_MiB;
	host_session(&host);
	host_run(&host);
	while (at < stream->len && host.verdict != SESSION_CLOSE) {
		n = 1 + roll(&dice) % most[c[6] % 6];
		n = n < stream->len - at ? n : stream->len - at;
		/* Only who wants input gets some, as on a socket. */
		if (host.verdict == SESSION_MORE && host.in.len == 0)
			at += feed_some(stream->data + at, n, &dice);
		else
			host_run(&host);
		if (host.verdict != SESSION_MORE || roll(&dice) % 2)
			let_go(&dice);
	}
	host.window = SIZE_MAX;
	host_run(&host);
	while (host.acquiring || host.queued > 0)
		let_go(&dice);
	host_drain(&host);
}

/*
 * Out of order the replies are the same, but not where they are; a close that
 * does not wait for requests in flight loses the replies of some.
 */
static void
compare(const struct buf *want, const char *reason)
{
	const char *got = host.verdict == SESSION_CLOSE ?
	    session_reason(host.session) : "open";
	bool orderly = strcmp(reason, "open") == 0 ||
	    strcmp(reason, "client disconnected") == 0;

	require(strcmp(got, reason) == 0);
	if (host.answer == ANSWER_NOW || !session_in_transmission(host.session))
		require(host.out.len == want->len &&
		    memcmp(host.out.data, want->data, want->len) == 0);
	else if (orderly)
		require(host.out.len == want->len);
	else
		require(host.out.len <= want->len);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct buf stream, want;
	const char *reason;

	if (size < CONFIG)
		return 0;
	init();
	settings(data);
	buf_init(&stream, SIZE_MAX / 2);
	buf_init(&want, SIZE_MAX / 2);
	prefix(&stream, data[1]);
	expand(&stream, data + CONFIG, size - CONFIG);
	in_one_go(&stream);
	reason = host.verdict == SESSION_CLOSE ? session_reason(host.session) :
	    "open";
	buf_add(&want, host.out.data, host.out.len);
	require(host_end_session(&host));
	restore();
	in_pieces(&stream, data, data[7] * 2654435761u);
	if (host.fail == 0)
		compare(&want, reason);
	require(host_end_session(&host));
	restore();
	buf_free(&stream);
	buf_free(&want);
	return 0;
}
