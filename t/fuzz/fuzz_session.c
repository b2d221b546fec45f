/*
 * fuzz_session: any bytes as a client.  The first bytes choose how the host
 * behaves, the others are the client's stream.  The conversation is held
 * twice: in one go, answered at once; and in pieces, by a slow client, with
 * answers that come late and in another order, from disks that tell of holes
 * and from a file.  What is said must not depend on that, every message must
 * have its shape, and nothing may be left over.  Sometimes the disks fail on
 * the way; then what is said may differ.
 */
#include <sys/mman.h>

#include "../unit/session_host.h"
#include "memory.h"
#include "replies.h"
#include "talk.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static struct host host;
static unsigned char *fresh[3]; /* the disks as they were */
static struct buf stream, want; /* their memory is used again */
static struct stats_counters counters;

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* Where maps and replies have something to tell. */
static void
make_holes(unsigned char *disk)
{
	memset(disk + 65536, 0, 20000);
	for (unsigned at = 90112; at < 98304; at += 1024)
		memset(disk + at, 0, 512);
}

static void
init(void)
{
	if (host.registry != NULL)
		return;
	host_begin(&host);
	buf_init(&stream, SIZE_MAX / 2);
	buf_init(&want, SIZE_MAX / 2);
	for (unsigned i = 0; i < 3; i++) {
		size_t bytes = host.exports[i]->backend->size;

		make_holes(host_disk(&host, i));
		fresh[i] = malloc(bytes);
		memcpy(fresh[i], host_disk(&host, i), bytes);
	}
	memset(host_disk(&host, 0) + 200000, 0, 700000);
	memcpy(fresh[0], host_disk(&host, 0), DISK_SIZE);
	host.file = memfd_create("pattern", MFD_CLOEXEC);
	require(write(host.file, fresh[1], DISK_SIZE) == DISK_SIZE);
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

static void
settings(const unsigned char *c, unsigned options)
{
	host.config.default_export = c[0] & 1 ? "odd" : NULL;
	host.config.listing = !(c[0] & 2);
	host.config.no_zeroes = !(c[0] & 4) || c[1] % 8 != 0;
	host.config.max_options = options + 1 + c[2] % 8;
	host.config.max_requests = 1 + c[3] % 16;
	host.config.tls = (enum session_tls)talk_tls(c);
	host.refusal = (enum refusal)(c[3] / 16 % (REFUSE_BUSY + 1));
	host.exports[0]->record.block_min = c[0] & 8 ? 512 : 0;
	if (c[4] & 32)
		host.exports[0]->record.block_min = 4096;
	host.exports[2]->record.block_max = c[0] & 16 ? HOST_MiB : 0;
}

static void
start(void)
{
	memset(&counters, 0, sizeof(counters));
	host.counters = &counters;
	host.peer.secure = false;
	host.broken = false;
	host_session(&host);
}

/* All that comes behind the option is as if it came inside TLS. */
static void
secure(void)
{
	while (host.verdict == SESSION_TLS) {
		require(!host.peer.secure);
		host.peer.secure = true;
		session_secured(host.session);
		host_run(&host);
	}
}

/* The measure: everything at once. */
static void
in_one_go(void)
{
	host.answer = ANSWER_NOW;
	host.hold_acquire = false;
	host.window = SIZE_MAX;
	host.fail = 0;
	host.sparse = host.no_file = host.config.send_files = false;
	host.budget.limit = 64 * HOST_MiB;
	host.config.max_queued = HOST_MiB;
	start();
	host_feed(&host, stream.data, stream.len);
	secure();
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
		host_complete(&host, talk_roll(dice) % host.queued);
}

/* Into the place for payload when there is one, as the loop does it. */
static size_t
feed_some(const char *data, size_t n, uint32_t *dice)
{
	void *place;
	size_t room;

	if (host.in.len > 0 || (room = session_space(host.session,
	    &place)) == 0 || talk_roll(dice) % 4 == 0) {
		host_feed(&host, data, n);
		return n;
	}
	n = n < room ? n : room;
	memcpy(place, data, n);
	session_filled(host.session, n);
	host_run(&host);
	return n;
}

/* What else may happen. */
enum ending {
	ENDING_NONE,
	ENDING_NO_FILE,  /* the file cannot be sent from */
	ENDING_SHUTDOWN, /* the server is told to stop */
	ENDING_GONE      /* the client hangs up */
};

static enum ending
ending(const unsigned char *c)
{
	return c[6] < 160 ? ENDING_NONE : c[6] / 32 - 4;
}

static bool
no_memory(const unsigned char *c)
{
	return c[1] / 32 > 0;
}

/* Whether it is over. */
static bool
end_early(const unsigned char *c)
{
	if (ending(c) == ENDING_GONE)
		return true;
	session_shutdown(host.session, "server is shutting down");
	host_run(&host);
	return session_quiet(host.session);
}

static void
in_pieces(const unsigned char *c, uint32_t dice)
{
	static const size_t windows[] = { SIZE_MAX, 1, 100, 5000, 100000 };
	static const size_t most[] = { 1, 7, 29, 500, 70000, 1000000 };
	size_t at = 0, n;

	host.answer = c[4] % 5 > ANSWER_MIXED ? ANSWER_NOW : c[4] % 5;
	host.hold_acquire = c[4] & 128;
	host.fail = c[4] & 64 ? EIO : 0;
	host.pass = c[7] % 8;
	host.sparse = c[0] & 32;
	host.config.send_files = c[0] & 64;
	host.window = windows[c[5] % 5];
	host.patience = 500; /* a MiB byte by byte would take too long */
	host.budget.limit = c[5] & 64 ? 0 : c[5] & 128 ? 300000 : HOST_MiB * 8;
	host.config.max_queued = c[5] & 32 ? 65536 : HOST_MiB;
	host.no_file = ending(c) == ENDING_NO_FILE;
	start();
	if (no_memory(c))
		memory_fail(1 + talk_roll(&dice) % (4u << c[1] / 32),
		    c[1] / 32 * 7u);
	host_run(&host);
	while (at < stream.len && host.verdict != SESSION_CLOSE &&
	    !host.broken) {
		if (ending(c) > ENDING_NO_FILE && talk_roll(&dice) % 64 == 0 &&
		    end_early(c))
			return;
		n = 1 + talk_roll(&dice) % most[c[6] % 6];
		n = n < stream.len - at ? n : stream.len - at;
		/* Only who wants input gets some, as on a socket. */
		if (host.verdict == SESSION_MORE && host.in.len == 0)
			at += feed_some(stream.data + at, n, &dice);
		else
			host_run(&host);
		if (host.verdict != SESSION_MORE || talk_roll(&dice) % 2)
			let_go(&dice);
		secure();
	}
	host.window = SIZE_MAX;
	host_run(&host);
	while (host.acquiring || host.queued > 0) {
		let_go(&dice);
		secure();
	}
	host_drain(&host);
}

/* What was said has the shape that it should have; whole: also at its end. */
static struct replies
read_back(bool whole)
{
	bool padded = stream.len >= 4 && !(host.config.no_zeroes &&
	    stream.data[3] & NBD_FLAG_C_NO_ZEROES);
	struct replies r;
	const char *fault = replies_read(&r, host.out.data, host.out.len,
	    padded);

	if (fault != NULL)
		fprintf(stderr, "%s\n", fault);
	require(fault == NULL);
	require(r.left == 0 || host.verdict == SESSION_CLOSE || !whole);
	return r;
}

static uint64_t
counted(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < STATS_COMMANDS; i++)
		n += counters.requests[i];
	return n;
}

/*
 * Out of order the replies are the same, but not where they are; a close that
 * does not wait for requests in flight loses the replies of some.  In chunks
 * the same may be told in other ways, but each request has one end.
 */
static void
compare(const char *reason,
    const struct replies *a, const struct replies *b)
{
	const char *got = host.verdict == SESSION_CLOSE ?
	    session_reason(host.session) : "open";
	bool orderly = strcmp(reason, "open") == 0 ||
	    strcmp(reason, "client disconnected") == 0;

	require(strcmp(got, reason) == 0);
	require(a->entered == b->entered && a->options == b->options);
	if (a->entered && a->chunks)
		require(orderly ? a->finals == b->finals :
		    a->finals >= b->finals);
	else if (host.answer == ANSWER_NOW ||
	    !session_in_transmission(host.session))
		require(host.out.len == want.len &&
		    memcmp(host.out.data, want.data, want.len) == 0);
	else if (orderly)
		require(host.out.len == want.len);
	else
		require(host.out.len <= want.len);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct replies first, second;
	const char *reason;
	unsigned options;
	bool whole;

	if (size < TALK_CONFIG)
		return 0;
	init();
	buf_reset(&want);
	options = talk_stream(&stream, data, size);
	settings(data, options);
	in_one_go();
	first = read_back(true);
	if (first.chunks && host.verdict != SESSION_CLOSE)
		require(first.finals == counted());
	reason = host.verdict == SESSION_CLOSE ? session_reason(host.session) :
	    "open";
	buf_add(&want, host.out.data, host.out.len);
	require(host_end_session(&host));
	restore();
	in_pieces(data, data[7] * 2654435761u);
	memory_fail(0, 0);
	whole = ending(data) < ENDING_SHUTDOWN && !host.broken &&
	    !no_memory(data);
	second = read_back(whole);
	if (host.fail == 0 && whole)
		compare(reason, &first, &second);
	require(host_end_session(&host));
	restore();
	return 0;
}
