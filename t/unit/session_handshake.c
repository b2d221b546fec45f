/* The handshake as byte strings: options, their limits, how it can end. */
#include "session_host.h"
#include "unit.h"

static struct host host;

#define FLAGS (NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES)

/* Greeting and flags are over. */
static void
hello(uint32_t flags)
{
	struct buf b;

	buf_init(&b, 64);
	put_flags(&b, flags);
	host_session(&host);
	host_feed(&host, b.data, b.len);
	buf_free(&b);
	host.read = host.out.len;
}

static void
option(uint32_t number, const void *data, size_t len)
{
	struct buf b;

	buf_init(&b, len + 64);
	put_option(&b, number, data, len);
	host_feed(&host, b.data, b.len);
	buf_free(&b);
}

static void
go(uint32_t number, const char *name)
{
	struct buf b;

	buf_init(&b, 4096);
	put_go(&b, number, name, 4);
	host_feed(&host, b.data, b.len);
	buf_free(&b);
}

TEST(the_greeting_comes_before_the_client_has_said_anything)
{
	const unsigned char *p;

	host_begin(&host);
	host_session(&host);
	host_run(&host);
	p = host_take(&host, WIRE_GREETING);
	CHECK(p != NULL && memcmp(p, "NBDMAGICIHAVEOPT", 16) == 0);
	CHECK(wire_get16(p + 16) == 3);
	CHECK(host_nothing_more(&host) && host.verdict == SESSION_MORE);
	CHECK(host_end_session(&host));
	host_end(&host);
}

TEST(flags_that_were_not_offered_end_it)
{
	host_begin(&host);
	hello(FLAGS | 4);
	CHECK(host.verdict == SESSION_CLOSE);
	CHECK(host_end_session(&host));
	host.config.no_zeroes = false;
	hello(FLAGS);
	CHECK(host.verdict == SESSION_CLOSE);
	CHECK(host_end_session(&host));
	hello(NBD_FLAG_C_FIXED_NEWSTYLE);
	CHECK(host.verdict == SESSION_MORE);
	host_end(&host);
}

TEST(an_unknown_option_is_refused_and_the_next_one_is_understood)
{
	host_begin(&host);
	hello(FLAGS);
	option(0x12345678, "whatever it may say", 19);
	CHECK(host_option_replied(&host, 0x12345678, NBD_REP_ERR_UNSUP));
	go(NBD_OPT_GO, "disk");
	for (int i = 0; i < 3; i++) /* there is no description */
		CHECK(host_option_replied(&host, NBD_OPT_GO, NBD_REP_INFO));
	CHECK(host_option_replied(&host, NBD_OPT_GO, NBD_REP_ACK));
	CHECK(host_nothing_more(&host));
	CHECK(session_in_transmission(host.session));
	CHECK(host_end_session(&host));
	host_end(&host);
}

TEST(info_leaves_no_client_behind)
{
	host_begin(&host);
	hello(FLAGS);
	go(NBD_OPT_INFO, "disk");
	CHECK(host.exports[0]->clients == 0);
	CHECK(host.exports[0]->refs == 1 + 3); /* host's and the catalog's */
	go(NBD_OPT_INFO, "none");
	CHECK(!session_in_transmission(host.session));
	CHECK(host_end_session(&host));
	host_end(&host);
}

TEST(an_answer_that_comes_late_holds_back_what_follows)
{
	static const uint32_t options[] = { NBD_OPT_GO, NBD_OPT_INFO };

	host_begin(&host);
	host.hold_acquire = true;
	for (size_t i = 0; i < 2; i++) {
		hello(FLAGS);
		go(options[i], "disk");
		option(NBD_OPT_ABORT, "as long as a request", 20);
		CHECK(host.verdict == SESSION_WAIT && host.in.len == 36);
		CHECK(host_nothing_more(&host));
		CHECK(session_pending(host.session) == 1);
		host_acquired(&host);
		CHECK(session_pending(host.session) == 0);
		host_run(&host);
		for (int j = 0; j < 3; j++)
			CHECK(host_option_replied(&host, options[i],
			    NBD_REP_INFO));
		CHECK(host_option_replied(&host, options[i], NBD_REP_ACK));
		/* In transmission that is no request. */
		CHECK(host.verdict == SESSION_CLOSE);
		CHECK(host_end_session(&host));
	}
	host_end(&host);
}

TEST(an_answer_that_nobody_waits_for_any_more_is_given_back)
{
	static const uint32_t options[] = { NBD_OPT_GO, NBD_OPT_INFO,
		NBD_OPT_EXPORT_NAME };

	host_begin(&host);
	host.hold_acquire = true;
	for (size_t i = 0; i < 3; i++) {
		hello(FLAGS);
		if (options[i] == NBD_OPT_EXPORT_NAME)
			option(options[i], "disk", 4);
		else
			go(options[i], "disk");
		CHECK(host.acquiring);
		CHECK(host_end_session(&host)); /* answered, never run again */
		CHECK(host.exports[0]->refs == 1 + 3);
	}
	host_end(&host);
}

TEST(export_name_pads_for_old_clients_only)
{
	static const struct {
		uint32_t flags;
		size_t bytes;
	} cases[] = { { 0, 134 }, { 1, 134 }, { 3, 10 } };

	host_begin(&host);
	for (size_t i = 0; i < 3; i++) {
		hello(cases[i].flags);
		option(NBD_OPT_EXPORT_NAME, "disk", 4);
		CHECK(host.out.len - host.read == cases[i].bytes);
		CHECK(wire_get64(host.out.data + host.read) == DISK_SIZE);
		CHECK(session_in_transmission(host.session));
		CHECK(host_end_session(&host));
	}
	hello(3);
	option(NBD_OPT_EXPORT_NAME, "none", 4);
	CHECK(host.verdict == SESSION_CLOSE && host_nothing_more(&host));
	host_end(&host);
}

TEST(the_empty_name_is_the_default_export_where_there_is_one)
{
	host_begin(&host);
	hello(FLAGS);
	go(NBD_OPT_GO, "");
	CHECK(host_option_replied(&host, NBD_OPT_GO, NBD_REP_ERR_UNKNOWN));
	CHECK(host_end_session(&host));
	host.config.default_export = "odd";
	hello(FLAGS);
	go(NBD_OPT_GO, "");
	CHECK(session_in_transmission(host.session));
	CHECK(session_generation(host.session) == host.exports[2]);
	CHECK(host_end_session(&host));
	host_end(&host);
}

TEST(options_and_their_bytes_are_counted)
{
	char *data = calloc(1, 60 * HOST_KiB);
	unsigned n;

	host_begin(&host);
	hello(FLAGS);
	for (n = 0; n < 100 && host.verdict == SESSION_MORE; n++)
		option(99, NULL, 0);
	CHECK(n == 65 && host.verdict == SESSION_CLOSE);
	CHECK(host_end_session(&host));
	hello(FLAGS);
	for (n = 0; n < 100 && host.verdict == SESSION_MORE; n++)
		option(NBD_OPT_LIST, data, 60 * HOST_KiB);
	CHECK(n == 3 && host.verdict == SESSION_CLOSE);
	CHECK(host_end_session(&host));
	free(data);
	host_end(&host);
}

TEST(a_long_list_takes_no_memory_while_the_client_is_slow)
{
	const unsigned char *p;
	unsigned listed = 0;

	host_begin(&host);
	host_make_catalog(&host, 20000);
	hello(FLAGS);
	host.window = 0;
	option(NBD_OPT_LIST, NULL, 0);
	CHECK(host.verdict == SESSION_WAIT);
	host.window = 1000;
	while (host.verdict != SESSION_MORE)
		host_run(&host);
	CHECK(host.peak < 512 * HOST_KiB);
	CHECK(host.peak_used < 512 * HOST_KiB);
	host.window = SIZE_MAX;
	host_run(&host);
	while ((p = host_take(&host, WIRE_OPTION_REPLY)) != NULL &&
	    wire_get32(p + 12) == NBD_REP_SERVER) {
		p = host_take(&host, wire_get32(p + 16));
		listed += p != NULL && memcmp(p + 4, "export-", 7) == 0;
	}
	CHECK(listed == 20000);
	CHECK(p != NULL && wire_get32(p + 12) == NBD_REP_ACK);
	CHECK(host_nothing_more(&host));
	CHECK(host_end_session(&host));
	host_end(&host);
}

TEST(a_shutdown_refuses_options_and_lets_abort_through)
{
	host_begin(&host);
	hello(FLAGS);
	session_shutdown(host.session, "server is shutting down");
	go(NBD_OPT_GO, "disk");
	CHECK(host_option_replied(&host, NBD_OPT_GO, NBD_REP_ERR_SHUTDOWN));
	option(NBD_OPT_LIST, NULL, 0);
	CHECK(host_option_replied(&host, NBD_OPT_LIST, NBD_REP_ERR_SHUTDOWN));
	option(NBD_OPT_ABORT, NULL, 0);
	CHECK(host_option_replied(&host, NBD_OPT_ABORT, NBD_REP_ACK));
	CHECK(host.verdict == SESSION_CLOSE);
	CHECK(host_end_session(&host));
	hello(FLAGS);
	session_shutdown(host.session, "server is shutting down");
	option(NBD_OPT_EXPORT_NAME, "disk", 4);
	CHECK(host.verdict == SESSION_CLOSE && host_nothing_more(&host));
	CHECK_STR(session_reason(host.session), "server is shutting down");
	CHECK(host_end_session(&host));
	host_end(&host);
}

/* Everything that a handshake can hold, up to a READ behind it. */
static void
long_handshake(struct buf *b)
{
	put_flags(b, FLAGS);
	put_option(b, NBD_OPT_LIST, NULL, 0);
	put_option(b, NBD_OPT_LIST, "x", 1);
	put_option(b, NBD_OPT_STARTTLS, NULL, 0);
	put_option(b, 77, "0123456789", 10);
	put_go(b, NBD_OPT_INFO, "none", 2);
	put_go(b, NBD_OPT_INFO, "disk", 4);
	put_option(b, NBD_OPT_GO, "\0\0\0\377disk", 8);
	put_go(b, NBD_OPT_GO, "odd", 4);
	put_request(b, NBD_CMD_READ, 0, 7, 8, 16);
	put_request(b, NBD_CMD_DISC, 0, 8, 0, 0);
}

/* The output of the conversation when it arrives in pieces of some sizes. */
static void
converse(const struct buf *b, size_t first, size_t step)
{
	size_t at = first;

	host_session(&host);
	host_feed(&host, b->data, first);
	for (; at < b->len; at += step)
		host_feed(&host, b->data + at,
		    b->len - at < step ? b->len - at : step);
}

TEST(where_the_bytes_are_split_makes_no_difference)
{
	struct buf b, want;
	size_t same = 0, cases = 0;

	host_begin(&host);
	buf_init(&b, 65536);
	buf_init(&want, 65536);
	long_handshake(&b);
	converse(&b, b.len, 1);
	CHECK(host.verdict == SESSION_CLOSE && host.out.len > 400);
	CHECK_STR(session_reason(host.session), "client disconnected");
	buf_add(&want, host.out.data, host.out.len);
	CHECK(host_end_session(&host));
	for (size_t first = 0; first <= b.len; first++)
		for (size_t step = 1; step < 40; step += 19, cases++) {
			converse(&b, first, step);
			same += host.out.len == want.len &&
			    memcmp(host.out.data, want.data, want.len) == 0 &&
			    host_end_session(&host);
		}
	CHECK(same == cases);
	buf_free(&b);
	buf_free(&want);
	host_end(&host);
}

TEST(a_client_may_go_away_after_every_byte)
{
	struct buf b;
	size_t clean = 0;

	host_begin(&host);
	buf_init(&b, 65536);
	long_handshake(&b);
	for (size_t n = 0; n <= b.len; n++) {
		host.hold_acquire = n % 2;
		converse(&b, n, 1);
		clean += host_end_session(&host);
	}
	CHECK(clean == b.len + 1);
	buf_free(&b);
	host_end(&host);
}

int
main(void)
{
	RUN(the_greeting_comes_before_the_client_has_said_anything);
	RUN(flags_that_were_not_offered_end_it);
	RUN(an_unknown_option_is_refused_and_the_next_one_is_understood);
	RUN(info_leaves_no_client_behind);
	RUN(an_answer_that_comes_late_holds_back_what_follows);
	RUN(an_answer_that_nobody_waits_for_any_more_is_given_back);
	RUN(export_name_pads_for_old_clients_only);
	RUN(the_empty_name_is_the_default_export_where_there_is_one);
	RUN(options_and_their_bytes_are_counted);
	RUN(a_long_list_takes_no_memory_while_the_client_is_slow);
	RUN(a_shutdown_refuses_options_and_lets_abort_through);
	RUN(where_the_bytes_are_split_makes_no_difference);
	RUN(a_client_may_go_away_after_every_byte);
	return DONE();
}
