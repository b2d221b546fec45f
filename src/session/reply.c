/* reply: simple replies without payload, and what is counted of all. */
#include "session/impl.h"

void
reply_bare(struct session *s, uint16_t command, uint64_t cookie,
    uint64_t bytes, int error)
{
	unsigned char *p = out_must(s, WIRE_SIMPLE_REPLY);

	reply_count(s, command, bytes, error);
	if (p == NULL) {
		session_close(s, "out of memory");
		return;
	}
	wire_simple_reply(p, nbd_error_from_errno(error), cookie);
	out_commit(s, WIRE_SIMPLE_REPLY);
}

static enum stats_command
slot(uint16_t command)
{
	switch (command) {
	case NBD_CMD_READ:
		return STATS_READ;
	case NBD_CMD_WRITE:
		return STATS_WRITE;
	case NBD_CMD_FLUSH:
		return STATS_FLUSH;
	case NBD_CMD_TRIM:
		return STATS_TRIM;
	case NBD_CMD_CACHE:
		return STATS_CACHE;
	case NBD_CMD_WRITE_ZEROES:
		return STATS_ZERO;
	case NBD_CMD_BLOCK_STATUS:
		return STATS_STATUS;
	default:
		return STATS_OTHER;
	}
}

void
reply_count(struct session *s, uint16_t command, uint64_t bytes, int error)
{
	struct stats_counters *c = s->counters;

	if (c == NULL)
		return;
	stats_add(&c->requests[slot(command)], 1);
	if (error != 0)
		stats_add(&c->errors, 1);
	else if (command == NBD_CMD_READ)
		stats_add(&c->bytes_read, bytes);
	else if (command == NBD_CMD_WRITE)
		stats_add(&c->bytes_written, bytes);
}
