/*
 * talk: a fuzzed conversation as messages.  An input of fuzz_session is 8
 * bytes of settings and what the client says; in that, "ZZ" and a byte n stand
 * for n * 4096 bytes of payload.
 */
#ifndef T_FUZZ_TALK_H
#define T_FUZZ_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define TALK_CONFIG 8
#define TALK_PARTS 300
#define TALK_PIECE 4096 /* "ZZ" counts in these */

/* What was said before the input begins, by the settings' second byte. */
enum talk_start {
	START_FLAGS,  /* nothing */
	START_OPTION, /* the client's flags */
	START_REQUEST /* and all up to NBD_OPT_GO */
};

/* What the client asked for by then. */
enum talk_style {
	TALK_SIMPLE,
	TALK_STRUCTURED,
	TALK_CONTEXTS, /* structured replies, and metadata contexts */
	TALK_EXTENDED  /* extended headers, likewise */
};

enum talk_start talk_start(const unsigned char *config);
enum talk_style talk_style(const unsigned char *config);
unsigned talk_tls(const unsigned char *config); /* 0: off, 1: on, 2: required */
const char *talk_export(const unsigned char *config); /* of START_REQUEST */

enum part_kind {
	PART_FLAGS,
	PART_OPTION,
	PART_REQUEST,  /* compact or extended, as its magic says */
	PART_REST      /* what is none of them, up to the end */
};

struct part {
	enum part_kind kind;
	const unsigned char *data; /* borrowed */
	size_t len;                /* with the data or payload that follows */
};

struct talk {
	size_t count;
	enum talk_start end; /* what would come next */
	struct part parts[TALK_PARTS];
};

/* The messages of what follows the settings. */
void talk_parse(struct talk *t, const unsigned char *config,
    const unsigned char *data, size_t size);

uint32_t talk_roll(uint32_t *dice); /* 24 bits */

/*
 * The bytes that the client sends, whose first ones the settings choose; how
 * many options those are.
 */
unsigned talk_stream(struct buf *b, const unsigned char *data, size_t size);

/* How many bytes these stand for, "ZZ" expanded. */
size_t talk_expanded(const unsigned char *data, size_t size);

/* A number in a message: where and how wide. */
struct field {
	size_t at;
	unsigned width; /* bytes */
	bool framing;   /* what follows is lost when it is wrong */
};
#define TALK_FIELDS 32

size_t talk_fields(const struct part *p, struct field fields[TALK_FIELDS]);

/* --- new messages ---------------------------------------------------------- */

/*
 * A message as a good client sends it, in out (at least TALK_MADE bytes); its
 * length.
 */
#define TALK_MADE 600
size_t talk_make_option(uint32_t *dice, unsigned char *out);
size_t talk_make_request(uint32_t *dice, bool extended, unsigned char *out);

#endif
