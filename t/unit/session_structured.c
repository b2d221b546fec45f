/*
 * Structured and extended replies without sockets: what a READ is cut into,
 * what becomes of an error in the middle, and maps.
 */
#include "session_host.h"
#include "unit.h"

static struct host host;
static struct buf say; /* what the client says next */
static bool extended;

/* The next chunk, whichever style it has. */
struct got {
	uint16_t flags, type;
	uint64_t cookie, offset, length;
	const unsigned char *payload;
};

static bool
next(struct got *g)
{
	const unsigned char *p = host_take(&host, extended ?
	    WIRE_EXTENDED_REPLY : WIRE_STRUCTURED_REPLY);

	memset(g, 0, sizeof(*g));
	if (p == NULL || wire_get32(p) != (extended ?
	    NBD_EXTENDED_REPLY_MAGIC : NBD_STRUCTURED_REPLY_MAGIC))
		return false;
	g->flags = wire_get16(p + 4);
	g->type = wire_get16(p + 6);
	g->cookie = wire_get64(p + 8);
	g->offset = extended ? wire_get64(p + 16) : 0;
	g->length = extended ? wire_get64(p + 24) : wire_get32(p + 16);
	g->payload = host_take(&host, g->length);
	return g->payload != NULL;
}

static void
begin(const char *name, uint32_t style)
{
	static const char query[] = "base:allocation";
	unsigned char meta[128];
	size_t len = strlen(name);

	extended = style == NBD_OPT_EXTENDED_HEADERS;
	buf_init(&say, SIZE_MAX / 2);
	put_flags(&say, NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
	put_option(&say, style, NULL, 0);
	wire_put32(meta, (uint32_t)len);
	memcpy(meta + 4, name, len);
	wire_put32(meta + 4 + len, 1);
	wire_put32(meta + 8 + len, sizeof(query) - 1);
	memcpy(meta + 12 + len, query, sizeof(query) - 1);
	put_option(&say, NBD_OPT_SET_META_CONTEXT, meta,
	    12 + len + sizeof(query) - 1);
	put_go(&say, NBD_OPT_GO, name, 4); /* with NBD_INFO_BLOCK_SIZE */
	host_session(&host);
	host_feed(&host, say.data, say.len);
	buf_reset(&say);
	host.read = host.out.len;
}

static void
end(void)
{
	CHECK(host_end_session(&host));
	buf_free(&say);
	host_end(&host);
}

static void
request(uint16_t command, uint16_t flags, uint64_t cookie, uint64_t offset,
    uint64_t length)
{
	unsigned char p[WIRE_EXTENDED_REQUEST];

	if (!extended) {
		put_request(&say, command, flags, cookie, offset,
		    (uint32_t)length);
		return;
	}
	wire_put32(p, NBD_EXTENDED_REQUEST_MAGIC);
	wire_put16(p + 4, flags);
	wire_put16(p + 6, command);
	wire_put64(p + 8, cookie);
	wire_put64(p + 16, offset);
	wire_put64(p + 24, length);
	buf_add(&say, p, sizeof(p));
}

static void
said(void)
{
	host_feed(&host, say.data, say.len);
	buf_reset(&say);
}

/* Chunks of one READ up to the last: all in order, all of them the pattern. */
static bool
got_read(uint64_t cookie, uint64_t offset, uint64_t length)
{
	uint64_t at = offset;
	struct got g;

	do {
		if (!next(&g) || g.cookie != cookie ||
		    g.type != NBD_REPLY_TYPE_OFFSET_DATA || g.length < 9 ||
		    wire_get64(g.payload) != at ||
		    (extended && g.offset != offset) ||
		    !is_pattern(g.payload + 8, at, g.length - 8))
			return false;
		at += g.length - 8;
	} while (!(g.flags & NBD_REPLY_FLAG_DONE));
	return at == offset + length;
}

static const uint32_t styles[] = { NBD_OPT_STRUCTURED_REPLY,
	NBD_OPT_EXTENDED_HEADERS };

TEST(reads_of_every_size_are_chunks_that_cover_the_range)
{
	static const uint32_t sizes[] = { 1, 511, 4096, 32768, 32769, 65536,
		262143, 262144, 262145, 300001, 524288, 1000000 };

	for (int style = 0; style < 2; style++)
		for (enum answer a = ANSWER_NOW; a <= ANSWER_MIXED; a++) {
			host_begin(&host);
			begin("pattern", styles[style]);
			host.answer = a;
			for (size_t i = 0; i < 12; i++) {
				request(NBD_CMD_READ, 0, i, 8 + i * 3,
				    sizes[i]);
				said();
				host_complete_all(&host);
				CHECK(got_read(i, 8 + i * 3, sizes[i]));
			}
			CHECK(host_nothing_more(&host));
			end();
		}
}

TEST(with_df_a_long_read_is_one_chunk_that_nothing_interrupts)
{
	struct got g;

	host_begin(&host);
	begin("pattern", NBD_OPT_STRUCTURED_REPLY);
	host.answer = ANSWER_WORK;
	request(NBD_CMD_READ, NBD_CMD_FLAG_DF, 1, 8, 600000);
	request(NBD_CMD_FLUSH, 0, 2, 0, 0);
	said();
	host_complete_all(&host);
	CHECK(next(&g) && g.cookie == 1 && g.flags == 0);
	CHECK(g.length == 600008 && is_pattern(g.payload + 8, 8, 600000));
	CHECK(host_replied(&host, 2, 0)); /* it was held */
	CHECK(next(&g) && g.cookie == 1);
	CHECK(g.type == NBD_REPLY_TYPE_NONE && g.flags == NBD_REPLY_FLAG_DONE);
	CHECK(host_nothing_more(&host));
	end();
}

/* The second is to come in small pieces, and then memory is there for all. */
TEST(with_df_a_read_ends_once_when_memory_comes_meanwhile)
{
	struct got g;

	host_begin(&host);
	begin("pattern", NBD_OPT_STRUCTURED_REPLY);
	host.answer = ANSWER_WORK;
	host.budget.limit = 200000;
	for (uint64_t cookie = 1; cookie <= 2; cookie++)
		request(NBD_CMD_READ, NBD_CMD_FLAG_DF, cookie, 8, 100000);
	said();
	host.budget.limit = 64 * HOST_MiB;
	host_complete_all(&host);
	for (uint64_t cookie = 1; cookie <= 2; cookie++) {
		CHECK(next(&g) && g.cookie == cookie && g.length == 100008);
		CHECK(g.flags == 0 && is_pattern(g.payload + 8, 8, 100000));
		CHECK(next(&g) && g.cookie == cookie &&
		    g.type == NBD_REPLY_TYPE_NONE);
	}
	CHECK(host_nothing_more(&host));
	end();
}

static bool
is_error(const struct got *g, uint32_t error, uint64_t at)
{
	size_t text = g->length - 14;

	return g->type == NBD_REPLY_TYPE_ERROR_OFFSET && g->length > 14 &&
	    g->flags == NBD_REPLY_FLAG_DONE &&
	    wire_get32(g->payload) == error &&
	    wire_get16(g->payload + 4) == text &&
	    wire_get64(g->payload + 6 + text) == at;
}

TEST(an_error_in_the_middle_of_a_read_is_told_behind_what_was_sent)
{
	struct got g;

	host_begin(&host);
	begin("pattern", NBD_OPT_STRUCTURED_REPLY);
	host.answer = ANSWER_WORK;
	host.fail = EIO;
	host.pass = 1;
	request(NBD_CMD_READ, 0, 1, 0, 1000000);
	said();
	host_complete_all(&host);
	CHECK(next(&g) && g.type == NBD_REPLY_TYPE_OFFSET_DATA);
	CHECK(g.flags == 0 && g.length == 8 + CHUNK_PIECE);
	CHECK(next(&g) && is_error(&g, NBD_EIO, CHUNK_PIECE));
	host.fail = 0;
	request(NBD_CMD_READ, 0, 2, 8, 4096);
	said();
	host_complete_all(&host);
	CHECK(got_read(2, 8, 4096));
	CHECK(host_nothing_more(&host));
	end();
}

TEST(an_error_in_the_middle_of_a_chunk_pads_it)
{
	struct got g;

	host_begin(&host);
	begin("pattern", NBD_OPT_EXTENDED_HEADERS);
	host.answer = ANSWER_WORK;
	host.fail = EIO;
	host.pass = 1;
	request(NBD_CMD_READ, NBD_CMD_FLAG_DF, 1, 0, 1000000);
	said();
	host_complete_all(&host);
	CHECK(next(&g) && g.type == NBD_REPLY_TYPE_OFFSET_DATA);
	CHECK(g.flags == 0 && g.length == 1000008);
	CHECK(is_pattern(g.payload + 8, 0, CHUNK_PIECE));
	CHECK(g.payload[8 + CHUNK_PIECE] == 0 &&
	    memcmp(g.payload + 8 + CHUNK_PIECE, g.payload + 9 + CHUNK_PIECE,
	    1000000 - CHUNK_PIECE - 1) == 0);
	CHECK(next(&g) && is_error(&g, NBD_EIO, CHUNK_PIECE));
	CHECK(host_nothing_more(&host));
	end();
}

TEST(what_reads_as_zero_is_told_as_a_hole)
{
	static const uint32_t sizes[] = { 511, 512, 32768, 40000, 262144,
		600000 };
	struct got g;

	for (enum answer a = ANSWER_NOW; a <= ANSWER_MIXED; a++)
		for (size_t i = 0; i < 6; i++) {
			uint64_t told = 0;

			host_begin(&host);
			begin("disk", NBD_OPT_STRUCTURED_REPLY);
			host.answer = a;
			memset(host_disk(&host, 0) + 4096, 0, 600000);
			request(NBD_CMD_READ, 0, i, 4096, sizes[i]);
			said();
			host_complete_all(&host);
			do {
				if (!next(&g))
					break;
				CHECK(g.type == (sizes[i] < 512 ?
				    NBD_REPLY_TYPE_OFFSET_DATA :
				    NBD_REPLY_TYPE_OFFSET_HOLE));
				told += g.type == NBD_REPLY_TYPE_OFFSET_HOLE ?
				    wire_get32(g.payload + 8) : g.length - 8;
			} while (!(g.flags & NBD_REPLY_FLAG_DONE));
			CHECK(told == sizes[i]);
			CHECK(host_nothing_more(&host));
			end();
		}
}

TEST(errors_have_text_and_keep_the_stream_in_sync)
{
	struct got g;

	for (int style = 0; style < 2; style++) {
		host_begin(&host);
		begin("pattern", styles[style]);
		request(NBD_CMD_READ, 0, 1, DISK_SIZE, 1);
		request(NBD_CMD_READ, 0x8000, 2, 0, 1);
		request(99, 0, 3, 0, 0);
		request(NBD_CMD_READ, 0, 4, 0, 0);
		said();
		for (uint64_t cookie = 1; cookie <= 3; cookie++) {
			CHECK(next(&g) && g.cookie == cookie);
			CHECK(g.type == NBD_REPLY_TYPE_ERROR);
			CHECK(g.length > 6 && wire_get16(g.payload + 4) ==
			    g.length - 6);
			CHECK(wire_get32(g.payload) == NBD_EINVAL);
		}
		CHECK(next(&g) && g.type == NBD_REPLY_TYPE_NONE);
		CHECK(host_nothing_more(&host));
		end();
	}
}

TEST(a_payload_that_no_command_wants_is_skipped)
{
	unsigned char junk[5000] = { 0 };
	struct got g;

	host_begin(&host);
	begin("disk", NBD_OPT_EXTENDED_HEADERS);
	request(NBD_CMD_TRIM, NBD_CMD_FLAG_PAYLOAD_LEN, 1, 0, sizeof(junk));
	buf_add(&say, junk, sizeof(junk));
	request(NBD_CMD_WRITE, 0, 2, 8192, sizeof(junk)); /* as QEMU does */
	buf_add(&say, junk, sizeof(junk));
	request(NBD_CMD_READ, 0, 3, 8, 16);
	said();
	CHECK(next(&g) && g.cookie == 1 && g.type == NBD_REPLY_TYPE_ERROR);
	CHECK(next(&g) && g.cookie == 2 && g.type == NBD_REPLY_TYPE_NONE);
	CHECK(got_read(3, 8, 16));
	request(NBD_CMD_TRIM, NBD_CMD_FLAG_PAYLOAD_LEN, 4, 0,
	    (64u << 20) + 1);
	said();
	CHECK(host.verdict == SESSION_CLOSE);
	end();
}

TEST(a_map_is_a_chunk_with_the_id_of_its_context)
{
	unsigned char payload[12];
	struct got g;

	host_begin(&host);
	begin("disk", NBD_OPT_STRUCTURED_REPLY);
	request(NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE, 1, 100, 1000);
	said();
	CHECK(next(&g) && g.type == NBD_REPLY_TYPE_BLOCK_STATUS);
	CHECK(g.length == 12 && wire_get32(g.payload) == 1);
	CHECK(wire_get32(g.payload + 4) == 1000);
	CHECK(wire_get32(g.payload + 8) == 0);
	end();

	host_begin(&host);
	begin("disk", NBD_OPT_EXTENDED_HEADERS);
	wire_put64(payload, 1000);
	wire_put32(payload + 8, 1);
	request(NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_PAYLOAD_LEN |
	    NBD_CMD_FLAG_REQ_ONE, 1, 100, sizeof(payload));
	buf_add(&say, payload, sizeof(payload));
	wire_put32(payload + 8, 2); /* not selected */
	request(NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_PAYLOAD_LEN, 2, 100,
	    sizeof(payload));
	buf_add(&say, payload, sizeof(payload));
	said();
	CHECK(next(&g) && g.type == NBD_REPLY_TYPE_BLOCK_STATUS_EXT);
	CHECK(g.length == 24 && wire_get32(g.payload + 4) == 1);
	CHECK(wire_get64(g.payload + 8) == 1000);
	CHECK(next(&g) && g.cookie == 2 && g.type == NBD_REPLY_TYPE_ERROR);
	CHECK(host_nothing_more(&host));
	end();
}

TEST(a_list_of_contexts_that_never_ends_is_not_waited_for)
{
	host_begin(&host);
	begin("disk", NBD_OPT_EXTENDED_HEADERS);
	request(NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_PAYLOAD_LEN, 1, 0,
	    UINT64_MAX);
	said();
	CHECK(host.verdict == SESSION_CLOSE);
	end();
}

/* "multiple of any advertised minimum block size": holes shrink, data grows. */
TEST(extents_end_at_blocks_where_blocks_were_agreed_on)
{
	struct got g;

	host_begin(&host);
	host.exports[0]->record.block_min = 4096;
	memset(host_disk(&host, 0) + 1024, 0, 20480);
	begin("disk", NBD_OPT_STRUCTURED_REPLY);
	request(NBD_CMD_BLOCK_STATUS, 0, 1, 0, 65536);
	said();
	CHECK(next(&g) && g.type == NBD_REPLY_TYPE_BLOCK_STATUS);
	CHECK(g.length == 4 + 3 * 8);
	CHECK(wire_get32(g.payload + 4) == 4096);
	CHECK(wire_get32(g.payload + 8) == 0);
	CHECK(wire_get32(g.payload + 12) == 16384);
	CHECK(wire_get32(g.payload + 16) == 3);
	CHECK(wire_get32(g.payload + 24) == 0);
	end();
}

/* Five of them want more memory than one connection may have. */
TEST(maps_wait_for_memory)
{
	struct got g;

	host_begin(&host);
	host.config.max_queued = 200000;
	host.budget.limit = 200000;
	begin("disk", NBD_OPT_STRUCTURED_REPLY);
	host.answer = ANSWER_WORK;
	for (uint64_t i = 0; i < 20; i++)
		request(NBD_CMD_BLOCK_STATUS, 0, i, 0, 4096);
	said();
	CHECK(host.queued > 0 && host.queued < 5);
	while (host.queued > 0)
		host_complete(&host, 0);
	for (uint64_t i = 0; i < 20; i++)
		CHECK(next(&g) && g.cookie == i);
	CHECK(host_nothing_more(&host));
	end();
}

int
main(void)
{
	RUN(reads_of_every_size_are_chunks_that_cover_the_range);
	RUN(with_df_a_long_read_is_one_chunk_that_nothing_interrupts);
	RUN(with_df_a_read_ends_once_when_memory_comes_meanwhile);
	RUN(an_error_in_the_middle_of_a_read_is_told_behind_what_was_sent);
	RUN(an_error_in_the_middle_of_a_chunk_pads_it);
	RUN(what_reads_as_zero_is_told_as_a_hole);
	RUN(errors_have_text_and_keep_the_stream_in_sync);
	RUN(a_payload_that_no_command_wants_is_skipped);
	RUN(a_map_is_a_chunk_with_the_id_of_its_context);
	RUN(a_list_of_contexts_that_never_ends_is_not_waited_for);
	RUN(extents_end_at_blocks_where_blocks_were_agreed_on);
	RUN(maps_wait_for_memory);
	return DONE();
}
