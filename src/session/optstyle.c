/*
 * optstyle: the options that choose how replies, and with extended headers
 * requests, look: NBD_OPT_STRUCTURED_REPLY and NBD_OPT_EXTENDED_HEADERS (the
 * latter as the specification's branch extension-ext-header has it).
 */
#include "session/impl.h"

/* Extended headers stay, and the option is refused with that type. */
static enum step
choose(struct session *s, enum style style, uint32_t refusal,
    const char *has_data)
{
	if (s->option.length != 0)
		return option_refuse(s, NBD_REP_ERR_INVALID, has_data);
	if (s->agreed.style == STYLE_EXTENDED)
		return option_refuse(s, refusal,
		    "extended headers are in use already");
	s->agreed.style = style;
	return option_ack(s);
}

enum step
option_structured(struct session *s)
{
	return choose(s, STYLE_STRUCTURED, NBD_REP_ERR_EXT_HEADER_REQD,
	    "NBD_OPT_STRUCTURED_REPLY takes no data");
}

/* It takes the place of structured replies, before or after them. */
enum step
option_extended(struct session *s)
{
	return choose(s, STYLE_EXTENDED, NBD_REP_ERR_INVALID,
	    "NBD_OPT_EXTENDED_HEADERS takes no data");
}
