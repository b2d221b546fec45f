/* The codec against bytes written down by hand from doc/proto.md. */
#include <errno.h>

#include "unit.h"
#include "wire/codec.h"
#include "wire/proto.h"

TEST(the_greeting_is_18_bytes_of_two_magics_and_flags)
{
	unsigned char out[WIRE_GREETING];

	wire_greeting(out, 3);
	CHECK(memcmp(out, "NBDMAGICIHAVEOPT\0\3", 18) == 0);
}

TEST(a_request_is_read_field_by_field)
{
	static const unsigned char in[WIRE_REQUEST] = { 0x25, 0x60, 0x95, 0x13,
		0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 0, 0, 0, 2,
		0xff, 0xff, 0xff, 0xff };
	struct wire_request r;

	wire_get_request(&r, in);
	CHECK(r.magic == NBD_REQUEST_MAGIC);
	CHECK(r.flags == NBD_CMD_FLAG_FUA);
	CHECK(r.command == NBD_CMD_WRITE_ZEROES);
	CHECK(r.cookie == UINT64_C(0x0102030405060708));
	CHECK(r.offset == UINT64_C(0x100000002));
	CHECK(r.length == UINT32_MAX);
}

TEST(a_reply_keeps_the_cookie_bit_for_bit)
{
	unsigned char out[WIRE_SIMPLE_REPLY];

	wire_simple_reply(out, NBD_EIO, UINT64_C(0xfedcba9876543210));
	CHECK(memcmp(out, "\x67\x44\x66\x98\0\0\0\5\xfe\xdc\xba\x98\x76\x54"
	    "\x32\x10", 16) == 0);
}

TEST(an_extended_request_has_a_length_of_64_bits)
{
	static const unsigned char in[WIRE_EXTENDED_REQUEST] = { 0x21, 0xe4,
		0x1c, 0x71, 0, 0x20, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1,
		0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4 };
	struct wire_request r;

	wire_get_extended_request(&r, in);
	CHECK(r.magic == NBD_EXTENDED_REQUEST_MAGIC);
	CHECK(r.flags == NBD_CMD_FLAG_PAYLOAD_LEN);
	CHECK(r.command == NBD_CMD_TRIM);
	CHECK(r.offset == UINT64_C(0x100000002));
	CHECK(r.length == UINT64_C(0x300000004));
}

TEST(chunks_have_headers_of_20_and_32_bytes)
{
	static const struct wire_chunk c = { NBD_REPLY_FLAG_DONE,
		NBD_REPLY_TYPE_ERROR, UINT64_C(0x0102030405060708),
		UINT64_C(0x1122334455667788), 0xabcd };
	unsigned char out[WIRE_EXTENDED_REPLY];

	wire_structured_reply(out, &c);
	CHECK(memcmp(out, "\x66\x8e\x33\xef\0\1\x80\1\1\2\3\4\5\6\7\x08"
	    "\0\0\xab\xcd", WIRE_STRUCTURED_REPLY) == 0);
	wire_extended_reply(out, &c);
	CHECK(memcmp(out, "\x6e\x8a\x27\x8c\0\1\x80\1\1\2\3\4\5\6\7\x08"
	    "\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\0\0\0\xab\xcd",
	    WIRE_EXTENDED_REPLY) == 0);
}

TEST(queries_whose_lengths_do_not_add_up_are_refused)
{
	static const unsigned char good[] = { 0, 0, 0, 2, 'h', 'i', 0, 0, 0, 2,
		0, 0, 0, 1, 'x', 0, 0, 0, 0 };
	unsigned char bad[sizeof(good) + 1];
	struct wire_meta_request r;
	uint32_t len;

	CHECK(wire_get_meta_request(&r, good, sizeof(good)) == 0);
	CHECK(r.name_len == 2 && r.count == 2);
	CHECK(*wire_next_query(&r, &len) == 'x' && len == 1);
	wire_next_query(&r, &len);
	CHECK(len == 0);
	for (size_t n = 0; n < sizeof(good); n++)
		CHECK(wire_get_meta_request(&r, good, n) == -1);
	memcpy(bad, good, sizeof(good));
	bad[sizeof(good)] = 0; /* a trailing byte */
	CHECK(wire_get_meta_request(&r, bad, sizeof(bad)) == -1);
	memset(bad + 6, 0xff, 4); /* 2^32 - 1 queries */
	CHECK(wire_get_meta_request(&r, bad, sizeof(good)) == -1);
	memcpy(bad, good, sizeof(good));
	bad[10] = 0xff; /* a query of 4 GiB */
	CHECK(wire_get_meta_request(&r, bad, sizeof(good)) == -1);
}

TEST(info_requests_whose_lengths_do_not_add_up_are_refused)
{
	static const unsigned char good[] = { 0, 0, 0, 2, 'h', 'i', 0, 2, 0, 3,
		0, 1 };
	unsigned char bad[sizeof(good)];
	struct wire_info_request r;

	CHECK(wire_get_info_request(&r, good, sizeof(good)) == 0);
	CHECK(r.name_len == 2 && r.count == 2 && wire_get16(r.infos) == 3);
	for (size_t len = 0; len < sizeof(good); len++)
		CHECK(wire_get_info_request(&r, good, len) == -1);
	memcpy(bad, good, sizeof(bad));
	bad[0] = 0xff; /* a name of 4 GiB */
	CHECK(wire_get_info_request(&r, bad, sizeof(bad)) == -1);
	memcpy(bad, good, sizeof(bad));
	bad[7] = 1; /* a trailing request */
	CHECK(wire_get_info_request(&r, bad, sizeof(bad)) == -1);
}

TEST(every_constant_prints_its_name)
{
	CHECK_STR(nbd_option_name(NBD_OPT_GO), "NBD_OPT_GO");
	CHECK_STR(nbd_reply_name(0x80000006), "NBD_REP_ERR_UNKNOWN");
	CHECK_STR(nbd_info_name(3), "NBD_INFO_BLOCK_SIZE");
	CHECK_STR(nbd_command_name(6), "NBD_CMD_WRITE_ZEROES");
	CHECK_STR(nbd_error_name(108), "NBD_ESHUTDOWN");
	CHECK_STR(nbd_handshake_flag_name(2), "NBD_FLAG_NO_ZEROES");
	CHECK_STR(nbd_client_flag_name(1), "NBD_FLAG_C_FIXED_NEWSTYLE");
	CHECK_STR(nbd_transmission_flag_name(256), "NBD_FLAG_CAN_MULTI_CONN");
	CHECK_STR(nbd_command_flag_name(16), "NBD_CMD_FLAG_FAST_ZERO");
	CHECK_STR(nbd_option_name(0x7654321), "unknown");
}

/* TX-12: whatever the errno was. */
TEST(every_errno_becomes_an_error_of_the_protocol)
{
	CHECK(nbd_error_from_errno(0) == NBD_SUCCESS);
	CHECK(nbd_error_from_errno(EDQUOT) == NBD_ENOSPC);
	CHECK(nbd_error_from_errno(EROFS) == NBD_EPERM);
	CHECK(nbd_error_from_errno(ENOTSUP) == NBD_ENOTSUP);
	for (int e = 1; e < 4096; e++) {
		uint32_t error = nbd_error_from_errno(e);

		CHECK(error != 0);
		CHECK(strcmp(nbd_error_name(error), "unknown") != 0);
	}
}

int
main(void)
{
	RUN(the_greeting_is_18_bytes_of_two_magics_and_flags);
	RUN(a_request_is_read_field_by_field);
	RUN(a_reply_keeps_the_cookie_bit_for_bit);
	RUN(an_extended_request_has_a_length_of_64_bits);
	RUN(chunks_have_headers_of_20_and_32_bytes);
	RUN(queries_whose_lengths_do_not_add_up_are_refused);
	RUN(info_requests_whose_lengths_do_not_add_up_are_refused);
	RUN(every_constant_prints_its_name);
	RUN(every_errno_becomes_an_error_of_the_protocol);
	return DONE();
}
