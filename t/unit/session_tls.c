/* NBD_OPT_STARTTLS: what is answered before it, and what is forgotten by it. */
#include <sys/mman.h>

#include "session_host.h"
#include "unit.h"

#define FLAGS (NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES)

static struct host host;

static void
begin(enum session_tls tls)
{
	struct buf b;

	host_begin(&host);
	host.config.tls = tls;
	host.config.send_files = true;
	buf_init(&b, 64);
	put_flags(&b, FLAGS);
	host_session(&host);
	host_feed(&host, b.data, b.len);
	buf_free(&b);
	host.read = host.out.len;
}

static void
end(void)
{
	CHECK(host_nothing_more(&host));
	CHECK(host_end_session(&host));
	host_end(&host);
}

/* The type of the one reply; 0 when it is not one. */
static uint32_t
option(uint32_t number, const void *data, size_t len)
{
	const unsigned char *p;
	struct buf b;

	buf_init(&b, len + 64);
	put_option(&b, number, data, len);
	host_feed(&host, b.data, b.len);
	buf_free(&b);
	p = host_take(&host, WIRE_OPTION_REPLY);
	if (p == NULL || wire_get32(p + 8) != number)
		return 0;
	len = wire_get32(p + 16);
	return len == 0 || host_take(&host, len) != NULL ?
	    wire_get32(p + 12) : 0;
}

static void
secure(void)
{
	CHECK(option(NBD_OPT_STARTTLS, NULL, 0) == NBD_REP_ACK);
	CHECK(host.verdict == SESSION_TLS);
	host.peer.secure = true;
	session_secured(host.session);
	host_run(&host);
	CHECK(host.verdict == SESSION_MORE);
}

TEST(tls_that_is_off_is_refused)
{
	begin(SESSION_TLS_OFF);
	CHECK(option(NBD_OPT_STARTTLS, NULL, 0) == NBD_REP_ERR_POLICY);
	CHECK(option(77, NULL, 0) == NBD_REP_ERR_UNSUP);
	CHECK(host.verdict == SESSION_MORE);
	end();
}

TEST(what_comes_behind_the_option_is_left_to_the_host)
{
	struct buf b;

	begin(SESSION_TLS_ON);
	buf_init(&b, 256);
	put_option(&b, NBD_OPT_STARTTLS, NULL, 0);
	put_option(&b, NBD_OPT_LIST, NULL, 0);
	host_feed(&host, b.data, b.len);
	CHECK(host.verdict == SESSION_TLS);
	CHECK(host.in.len == WIRE_OPTION);
	host_run(&host); /* asked again, it says the same and takes nothing */
	CHECK(host.verdict == SESSION_TLS && host.in.len == WIRE_OPTION);
	CHECK(host_take(&host, WIRE_OPTION_REPLY) != NULL);
	buf_free(&b);
	end();
}

TEST(inside_tls_it_is_an_error_and_with_data_too)
{
	begin(SESSION_TLS_ON);
	CHECK(option(NBD_OPT_STARTTLS, "x", 1) == NBD_REP_ERR_INVALID);
	secure();
	CHECK(option(NBD_OPT_STARTTLS, NULL, 0) == NBD_REP_ERR_INVALID);
	CHECK(host.verdict == SESSION_MORE);
	end();
}

TEST(without_the_tls_that_is_required_nothing_is_answered)
{
	static const uint32_t options[] = { NBD_OPT_LIST, NBD_OPT_INFO,
		NBD_OPT_GO, NBD_OPT_STRUCTURED_REPLY, NBD_OPT_EXTENDED_HEADERS,
		77 };

	begin(SESSION_TLS_REQUIRED);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		CHECK(option(options[i], "0123456789", 10) ==
		    NBD_REP_ERR_TLS_REQD);
		CHECK(host.verdict == SESSION_MORE && !host.acquiring);
	}
	secure();
	CHECK(option(77, NULL, 0) == NBD_REP_ERR_UNSUP);
	end();
	begin(SESSION_TLS_REQUIRED);
	CHECK(option(NBD_OPT_EXPORT_NAME, "disk", 4) == 0);
	CHECK(host.verdict == SESSION_CLOSE);
	end();
	begin(SESSION_TLS_REQUIRED);
	CHECK(option(NBD_OPT_ABORT, NULL, 0) == NBD_REP_ACK);
	CHECK(host.verdict == SESSION_CLOSE);
	end();
}

TEST(what_was_agreed_on_in_clear_is_forgotten)
{
	begin(SESSION_TLS_ON);
	CHECK(option(NBD_OPT_EXTENDED_HEADERS, NULL, 0) == NBD_REP_ACK);
	CHECK(option(NBD_OPT_EXTENDED_HEADERS, NULL, 0) ==
	    NBD_REP_ERR_INVALID);
	secure();
	CHECK(option(NBD_OPT_EXTENDED_HEADERS, NULL, 0) == NBD_REP_ACK);
	end();
}

/* A long READ: is what waits to be sent in the file? */
static bool
in_file(bool tls)
{
	uint64_t offset;
	struct buf b;
	bool file;
	int fd;

	begin(SESSION_TLS_ON);
	host.file = memfd_create("pattern", 0);
	CHECK(write(host.file, host_disk(&host, 1), DISK_SIZE) == DISK_SIZE);
	if (tls)
		secure();
	buf_init(&b, 4096);
	put_go(&b, NBD_OPT_GO, "pattern", 7);
	host_feed(&host, b.data, b.len);
	host.window = WIRE_SIMPLE_REPLY;
	host.read = host.out.len;
	buf_reset(&b);
	put_request(&b, NBD_CMD_READ, 0, 7, 0, 512 * HOST_KiB);
	host_feed(&host, b.data, b.len);
	file = session_output_file(host.session, &fd, &offset) > 0;
	host.window = SIZE_MAX;
	host_run(&host);
	CHECK(host_replied(&host, 7, 0));
	CHECK(host_take(&host, 512 * HOST_KiB) != NULL);
	close(host.file);
	buf_free(&b);
	end();
	return file;
}

TEST(inside_tls_no_file_is_sent_as_it_is)
{
	CHECK(in_file(false));
	CHECK(!in_file(true));
}

TEST(a_refusal_for_want_of_tls_says_so_where_tls_is)
{
	begin(SESSION_TLS_ON);
	host.hold_acquire = true;
	for (int i = 0; i < 2; i++) {
		struct buf b;
		const unsigned char *p;

		buf_init(&b, 256);
		put_go(&b, NBD_OPT_GO, "disk", 4);
		host_feed(&host, b.data, b.len);
		session_acquired(host.session, REFUSE_TLS, NULL, "why");
		host_run(&host);
		p = host_take(&host, WIRE_OPTION_REPLY);
		CHECK(p != NULL && wire_get32(p + 12) == (i == 0 ?
		    NBD_REP_ERR_TLS_REQD : NBD_REP_ERR_POLICY));
		CHECK(host_take(&host, 3) != NULL);
		buf_free(&b);
		end();
		if (i == 0) {
			begin(SESSION_TLS_OFF);
			host.hold_acquire = true;
		}
	}
}

int
main(void)
{
	RUN(tls_that_is_off_is_refused);
	RUN(what_comes_behind_the_option_is_left_to_the_host);
	RUN(inside_tls_it_is_an_error_and_with_data_too);
	RUN(without_the_tls_that_is_required_nothing_is_answered);
	RUN(what_was_agreed_on_in_clear_is_forgotten);
	RUN(inside_tls_no_file_is_sent_as_it_is);
	RUN(a_refusal_for_want_of_tls_says_so_where_tls_is);
	return DONE();
}
