/*
 * impl: what the files of this folder share: the session's struct, the
 * phases, and the steps of one file that another calls.
 */
#ifndef SESSION_IMPL_H
#define SESSION_IMPL_H

#include "base/buf.h"
#include "session/session.h"
#include "spool/name.h"
#include "wire/codec.h"
#include "wire/proto.h"

#define SESSION_MAX_ACCEPTED (64u << 20)  /* READ and WRITE that are served */
#define SESSION_MAX_SKIPPED (1u << 30)    /* payload that is consumed at all */
#define SESSION_MAX_ADVERTISED (32u << 20)
#define SESSION_SCARCE (16u << 10) /* a piece, when memory is short */
#define SESSION_TURN_BYTES (256u << 10)   /* output per run, for fairness */
#define SESSION_TURN_REQUESTS 128         /* requests per run, likewise */

/*
 * What a session is waiting for next.  Each phase has one step function in
 * the table of session.c.
 */
enum phase {
	PHASE_CLIENT_FLAGS,   /* greeting sent, 4 bytes wanted */
	PHASE_OPTION_HEADER,  /* 16 bytes wanted */
	PHASE_OPTION_DATA,    /* s->option.length bytes into s->data */
	PHASE_OPTION_SKIP,    /* s->skip bytes are thrown away */
	PHASE_OPTION_ACQUIRE, /* the host looks for an export */
	PHASE_OPTION_LIST,    /* s->catalog is being sent */
	PHASE_TLS,            /* the host shakes hands */
	PHASE_REQUEST,        /* a request's header wanted */
	PHASE_PAYLOAD,        /* s->writing gets its payload */
	PHASE_STATUS,         /* BLOCK_STATUS gets its list of contexts */
	PHASE_PAYLOAD_SKIP,   /* s->skip bytes of s->writing's are thrown away */
	PHASE_FINISH,         /* DISC: replies in flight, then close */
	PHASE_CLOSED,
	PHASES
};

/* Step functions say whether to go on with the driver's loop. */
enum step {
	STEP_NEXT, /* made progress: call the phase's step again */
	STEP_MORE, /* input is used up */
	STEP_WAIT, /* blocked until output or an answer moves */
	STEP_TLS,  /* the client may start TLS now */
	STEP_CLOSE
};

struct input {
	const unsigned char *data;
	size_t len;
};

/* A request that was accepted and not answered at once. */
struct request {
	STAILQ_ENTRY(request) link; /* s->reads, while it waits for its turn */
	struct session *session;
	struct wire_request wire; /* as it came */
	uint64_t moved;       /* bytes of payload received or queued */
	unsigned outstanding; /* pieces at the backend */
	unsigned contexts;    /* BLOCK_STATUS: those that are asked about */
	int error;            /* errno value of the first failure */
	const char *why;      /* static; NULL: what the errno value means */
	uint64_t failed_at;   /* READ: its offset */
	uint64_t begun;       /* *now when it was accepted */
	bool flush;           /* a flush follows the last piece */
	bool whole;           /* READ: its data is one reply or chunk, */
	bool many;            /* or is of several pieces */
	bool tried;           /* READ: the page cache has not got it all */
};
STAILQ_HEAD(request_list, request);

/* A part of a request at the backend, with its memory. */
struct piece {
	struct io io;
	struct request *request;
	struct chunk *chunk; /* NULL for commands without payload */
};

struct outq {
	struct chunk_list chunks;
	size_t bytes;
};

/* How replies look; what the client asked for in the handshake. */
enum style {
	STYLE_SIMPLE,
	STYLE_STRUCTURED, /* NBD_OPT_STRUCTURED_REPLY */
	STYLE_EXTENDED    /* NBD_OPT_EXTENDED_HEADERS: requests too */
};

/* What options have agreed on; NBD_OPT_STARTTLS forgets all of it. */
struct negotiated {
	enum style style;
	unsigned contexts; /* a set of bits, 1 << enum context */
	char export[NAME_SIZE]; /* they were selected for this one */
};

/* Metadata contexts, and their ids on the wire. */
enum context { CONTEXT_ALLOCATION, CONTEXT_DEPTH, CONTEXTS };
#define CONTEXT_ID(context) ((uint32_t)(context) + 1)

/* What is wrong with a request: errno value (0: nothing), text for people. */
struct fault {
	int error;
	const char *why; /* static; NULL: what the errno value means */
};

struct session {
	const struct session_host *host;
	void *arg;
	struct session_config config;
	enum phase phase;
	const char *reason;
	bool stopping; /* session_shutdown() was called */
	bool refused;  /* see session_refused() */

	unsigned char carry[32]; /* an incomplete header */
	size_t carried;
	uint64_t skip;

	/* haggling */
	uint32_t client_flags;
	struct negotiated agreed;
	unsigned options;  /* seen so far */
	size_t handshaken; /* bytes of options so far */
	struct wire_option option;
	struct buf data; /* the option's */
	struct catalog *catalog;
	size_t listed;
	unsigned asked; /* contexts, while the host looks for their export */
	bool joining;  /* the host was asked to make it a client */
	bool answered; /* the host's answer is here: */
	enum refusal refusal;
	struct generation *found;
	char why[256];

	/* transmission */
	struct generation *generation;
	struct stats_counters *counters;
	struct backend *backend; /* the generation's */
	uint64_t size;
	uint16_t flags;
	uint32_t block_min;   /* enforced: 1 unless the client asked for it */
	uint32_t payload_max;
	unsigned contexts;    /* selected for this export */
	struct wire_request status; /* that s->data is the payload of */
	uint32_t turn;        /* requests in this run */
	unsigned replied;     /* requests whose time is not counted yet */
	unsigned inflight;    /* accepted, not yet replied to */
	unsigned pending;     /* pieces at the backend or a worker */
	struct request *writing;    /* its payload is being received or skipped */
	struct piece *filling;      /* the piece of s->writing being received */
	struct request *streaming;  /* the READ that owns the output */
	struct request_list reads;  /* READs that wait for that */
	uint64_t data_from, data_to; /* of a file with holes: no hole there */
	struct request *fetching;   /* the first of the output is being read */
	bool cut;                   /* it was not: nothing is sent any more */
	size_t memory;              /* capacity of the chunks held */
	struct outq out;
	struct outq held; /* replies that wait for the end of the stream */
};

/* session.c */
const unsigned char *input_peek(struct session *s, struct input *in, size_t n);
void input_drop(struct session *s, struct input *in, size_t n);
enum step session_close(struct session *s, const char *reason);
enum step step_skip(struct session *s, struct input *in, enum phase next);

/* output.c */
struct chunk *session_chunk(struct session *s, size_t cap);
/*
 * The longest piece of a payload now.  When the budget is used up each
 * connection still has one, and ten thousand of those are to be small.
 */
size_t session_piece(const struct session *s);
/* Over any budget, for what cannot wait.  NULL only when malloc fails. */
struct chunk *session_must_chunk(struct session *s, size_t cap);
void session_unchunk(struct session *s, struct chunk *c);
bool session_busy(const struct session *s);
/* No memory: wait for what is on its way, or give up when nothing is. */
enum step session_starved(struct session *s);
/*
 * n contiguous bytes (at most CHUNK_SMALL) at the end of the output, to be
 * made part of it with out_commit(); NULL when there is no memory now.
 */
unsigned char *out_reserve(struct session *s, size_t n);
/* The same over any budget, for what is small and bounded: option replies,
 * errors.  NULL only when malloc fails. */
unsigned char *out_must(struct session *s, size_t n);
void out_commit(struct session *s, size_t n);
void out_chunk(struct session *s, struct chunk *c); /* owned then */
void out_stream(struct session *s, struct chunk *c); /* by s->streaming */
void out_release(struct session *s); /* the stream is over */
void out_drop(struct session *s);
/* More would be queued than one connection may. */
bool out_full(const struct session *s);

/* greet.c */
int greet(struct session *s);
enum step step_client_flags(struct session *s, struct input *in);

/* option.c */
enum step step_option_header(struct session *s, struct input *in);
enum step step_option_data(struct session *s, struct input *in);
enum step step_option_skip(struct session *s, struct input *in);
/* Replies; -1 when there is no memory for it. */
int option_reply(struct session *s, uint32_t type, const void *data,
    size_t len);
/* An error with text; then the next option. */
enum step option_refuse(struct session *s, uint32_t type, const char *why);
enum step option_ack(struct session *s);

/* optlist.c */
enum step option_list(struct session *s);
enum step step_option_list(struct session *s, struct input *in);

/* optstyle.c: NBD_OPT_STRUCTURED_REPLY, NBD_OPT_EXTENDED_HEADERS */
enum step option_structured(struct session *s);
enum step option_extended(struct session *s);

/* optmeta.c: NBD_OPT_LIST_META_CONTEXT, NBD_OPT_SET_META_CONTEXT */
enum step option_meta(struct session *s);
enum step meta_found(struct session *s, struct generation *g);

/* opttls.c */
enum step option_starttls(struct session *s);
enum step step_tls(struct session *s, struct input *in);
/* Nothing but NBD_OPT_ABORT and NBD_OPT_STARTTLS is answered in clear. */
bool option_in_clear(const struct session *s);
enum step option_not_in_clear(struct session *s);

/* optexport.c */
enum step option_export(struct session *s);
/*
 * Let the host look for the export with this name from the network, and
 * refuse the option when there is none.
 */
enum step option_find(struct session *s, const unsigned char *name,
    size_t len, bool join);
enum step step_option_acquire(struct session *s, struct input *in);

/* optinfo.c: the found export's facts, and the way into transmission */
enum step export_found(struct session *s, struct generation *g);

/* request.c */
enum step step_request(struct session *s, struct input *in);
enum step step_finish(struct session *s, struct input *in);
/* offset and length against the export and its block sizes. */
struct fault request_range(const struct session *s,
    const struct wire_request *w);
struct request *request_new(struct session *s, const struct wire_request *w);
/* Forget it; with a reply: its error, or success. */
void request_free(struct request *r);
void request_finish(struct request *r);

/* reply.c: replies in the style that was agreed on */
/* Success without payload; bytes are those that the request was about. */
void reply_success(struct session *s, const struct wire_request *w,
    uint64_t bytes);
void reply_error(struct session *s, const struct wire_request *w,
    struct fault fault);
/* The request failed at this offset of the export. */
void reply_error_at(struct session *s, const struct wire_request *w,
    int error, uint64_t at);
/*
 * The header before length bytes of data from the offset at on.  Not in the
 * simple style: flags of the chunk.  reply_data_head() is its size.
 */
size_t reply_data_head(const struct session *s);
void reply_put_data(const struct session *s, unsigned char *p,
    const struct wire_request *w, uint64_t at, uint64_t length,
    uint16_t flags);
/* A chunk of a hole, at most reply_hole_size() bytes; not in the simple style. */
size_t reply_hole_size(const struct session *s);
void reply_put_hole(const struct session *s, unsigned char *p,
    const struct wire_request *w, uint64_t at, uint32_t length,
    uint16_t flags);
/* Any chunk: its header, for length bytes of payload; returns its size. */
size_t reply_put_chunk(const struct session *s, unsigned char *p,
    const struct wire_request *w, uint16_t type, uint64_t length,
    uint16_t flags);
/* Count a reply that was made elsewhere, with its bytes of payload. */
void reply_count(struct session *s, uint16_t command, uint64_t bytes,
    int error);
/* After that: a request that began earlier has its own time. */
void reply_timed(const struct request *r);

/* piece.c */
/* c is the piece's then, also on failure (NULL). */
struct piece *piece_new(struct request *r, enum io_op op, struct chunk *c);
void piece_free(struct piece *p);
/* To the backend, and to a worker when it would block. */
void piece_submit(struct piece *p);

/* read.c, readreply.c: -1 when there is no memory for it now */
int read_execute(struct session *s, const struct wire_request *w);
void read_complete(struct piece *p);
/* Go on with the READ that owns the output. */
enum step read_stream(struct session *s);

/* fetch.c */
void fetch_complete(struct piece *p);

/* write.c */
int write_execute(struct session *s, const struct wire_request *w);
enum step step_payload(struct session *s, struct input *in);
enum step step_payload_skip(struct session *s, struct input *in);
/* Its last n bytes of payload are not wanted: then comes the reply. */
void write_skip(struct request *r, uint64_t n);
void write_complete(struct piece *p);

/* status.c: BLOCK_STATUS */
int status_execute(struct session *s, const struct wire_request *w);
enum step step_status(struct session *s, struct input *in);
void status_complete(struct piece *p);

/* command.c: FLUSH, TRIM, CACHE, WRITE_ZEROES */
int command_execute(struct session *s, const struct wire_request *w);
void command_complete(struct piece *p);

#endif
