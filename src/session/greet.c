/* greet: the greeting and the client's flags ("Newstyle negotiation"). */
#include "session/impl.h"

int
greet(struct session *s)
{
	uint16_t flags = NBD_FLAG_FIXED_NEWSTYLE;
	unsigned char *p = out_must(s, WIRE_GREETING);

	if (p == NULL)
		return -1;
	if (s->config.no_zeroes)
		flags |= NBD_FLAG_NO_ZEROES;
	wire_greeting(p, flags);
	out_commit(s, WIRE_GREETING);
	s->phase = PHASE_CLIENT_FLAGS;
	return 0;
}

enum step
step_client_flags(struct session *s, struct input *in)
{
	const unsigned char *p = input_peek(s, in, WIRE_CLIENT_FLAGS);
	uint32_t known = NBD_FLAG_C_FIXED_NEWSTYLE;

	if (p == NULL)
		return STEP_MORE;
	if (s->config.no_zeroes)
		known |= NBD_FLAG_C_NO_ZEROES;
	s->client_flags = wire_get32(p);
	input_drop(s, in, WIRE_CLIENT_FLAGS);
	if ((s->client_flags & ~known) != 0)
		return session_close(s, "client flags that were not offered");
	s->phase = PHASE_OPTION_HEADER;
	return STEP_NEXT;
}
