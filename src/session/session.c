/*
 * session: the driver.  A step function per phase says whether to go on; the
 * driver calls the present phase's until one wants input, waits or closes.
 */
#include <stdlib.h>
#include <string.h>

#include "session/impl.h"

static enum step
step_closed(struct session *s, struct input *in)
{
	(void)s;
	in->len = 0; /* bytes after the end mean nothing (DI-04) */
	return STEP_CLOSE;
}

static enum step (*const steps[PHASES])(struct session *, struct input *) = {
	[PHASE_CLIENT_FLAGS] = step_client_flags,
	[PHASE_OPTION_HEADER] = step_option_header,
	[PHASE_OPTION_DATA] = step_option_data,
	[PHASE_OPTION_SKIP] = step_option_skip,
	[PHASE_OPTION_ACQUIRE] = step_option_acquire,
	[PHASE_OPTION_LIST] = step_option_list,
	[PHASE_TLS] = step_tls,
	[PHASE_REQUEST] = step_request,
	[PHASE_PAYLOAD] = step_payload,
	[PHASE_STATUS] = step_status,
	[PHASE_PAYLOAD_SKIP] = step_payload_skip,
	[PHASE_FINISH] = step_finish,
	[PHASE_CLOSED] = step_closed,
};

struct session *
session_new(const struct session_host *host, void *arg,
    const struct session_config *c)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->host = host;
	s->arg = arg;
	s->config = *c;
	STAILQ_INIT(&s->reads);
	STAILQ_INIT(&s->out.chunks);
	STAILQ_INIT(&s->held.chunks);
	buf_init(&s->data, c->max_handshake);
	if (greet(s) == -1) {
		session_free(s);
		return NULL;
	}
	return s;
}

static void
free_requests(struct session *s)
{
	struct request *r;

	while ((r = STAILQ_FIRST(&s->reads)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->reads, link);
		free(r);
	}
	free(s->streaming);
	if (s->filling != NULL)
		piece_free(s->filling);
	free(s->writing);
}

/* An export that was found for an option that never got its answer. */
static void
free_found(struct session *s)
{
	if (s->found == NULL)
		return;
	if (s->joining)
		registry_leave(s->found);
	else
		generation_unref(s->found);
}

void
session_free(struct session *s)
{
	if (s == NULL)
		return;
	free_requests(s);
	out_drop(s);
	buf_free(&s->data);
	catalog_unref(s->catalog);
	free_found(s);
	if (s->generation != NULL)
		registry_leave(s->generation);
	free(s);
}

unsigned
session_pending(const struct session *s)
{
	return s->pending + (s->phase == PHASE_OPTION_ACQUIRE && !s->answered);
}

enum session_verdict
session_run(struct session *s, const void *data, size_t len, size_t *used)
{
	struct input in = { data, len };
	enum step step;

	s->turn = 0;
	do {
		step = read_stream(s);
		if (step == STEP_NEXT)
			step = steps[s->phase](s, &in);
	} while (step == STEP_NEXT && s->turn < SESSION_TURN_REQUESTS &&
	    s->out.bytes < SESSION_TURN_BYTES);
	*used = len - in.len;
	switch (step) {
	case STEP_NEXT:
		return SESSION_AGAIN;
	case STEP_MORE:
		return SESSION_MORE;
	case STEP_WAIT:
		return SESSION_WAIT;
	case STEP_TLS:
		return SESSION_TLS;
	default:
		return SESSION_CLOSE;
	}
}

/*
 * n bytes (at most sizeof(carry)) in one piece, still to be dropped; NULL
 * when they are not all there: what is there has been put by.
 */
const unsigned char *
input_peek(struct session *s, struct input *in, size_t n)
{
	size_t take = n - s->carried;

	if (s->carried == 0 && in->len >= n)
		return in->data;
	if (take > in->len)
		take = in->len;
	if (take > 0)
		memcpy(s->carry + s->carried, in->data, take);
	s->carried += take;
	in->data += take;
	in->len -= take;
	return s->carried == n ? s->carry : NULL;
}

void
input_drop(struct session *s, struct input *in, size_t n)
{
	if (s->carried > 0) {
		s->carried = 0;
		return;
	}
	in->data += n;
	in->len -= n;
}

/* Throw s->skip bytes away, then go on with the phase next. */
enum step
step_skip(struct session *s, struct input *in, enum phase next)
{
	size_t n = in->len < s->skip ? in->len : (size_t)s->skip;

	in->data += n;
	in->len -= n;
	s->skip -= n;
	if (s->skip > 0)
		return STEP_MORE;
	s->phase = next;
	return STEP_NEXT;
}

enum step
session_close(struct session *s, const char *reason)
{
	if (s->phase != PHASE_CLOSED) {
		s->reason = reason;
		s->refused = s->generation == NULL && !s->stopping;
	}
	s->phase = PHASE_CLOSED;
	return STEP_CLOSE;
}

void
session_complete(struct io *io)
{
	struct piece *p = io->owner;

	p->request->session->pending--;
	switch (io->op) {
	case IO_READ:
		if (p->request == p->request->session->fetching)
			fetch_complete(p);
		else
			read_complete(p);
		break;
	case IO_WRITE:
		write_complete(p);
		break;
	case IO_MAP:
		status_complete(p);
		break;
	default:
		command_complete(p);
		break;
	}
}

void *
session_io_arg(const struct io *io)
{
	const struct piece *p = io->owner;

	return p->request->session->arg;
}

void
session_shutdown(struct session *s, const char *reason)
{
	s->stopping = true;
	if (s->reason == NULL)
		s->reason = reason;
}

bool
session_quiet(const struct session *s)
{
	return s->inflight == 0 && s->pending == 0 && s->out.bytes == 0;
}

bool
session_in_transmission(const struct session *s)
{
	return s->generation != NULL;
}

const struct generation *
session_generation(const struct session *s)
{
	return s->generation;
}

bool
session_refused(const struct session *s)
{
	return s->refused;
}

const char *
session_reason(const struct session *s)
{
	return s->reason != NULL ? s->reason : "not closed by the session";
}
