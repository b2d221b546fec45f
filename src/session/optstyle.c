/*
 * optstyle: the options that choose how replies, and with extended headers
 * requests, look: NBD_OPT_STRUCTURED_REPLY and NBD_OPT_EXTENDED_HEADERS (the
 * latter as the specification's branch extension-ext-header has it).
 */
#include "session/impl.h"

enum step
option_structured(struct session *s)
{
	if (s->option.length != 0)
		return option_refuse(s, NBD_REP_ERR_INVALID,
		    "NBD_OPT_STRUCTURED_REPLY takes no data");
	if (s->agreed.style == STYLE_EXTENDED)
		return option_refuse(s, NBD_REP_ERR_EXT_HEADER_REQD,
		    "extended headers are in use already");
	s->agreed.style = STYLE_STRUCTURED;
	return option_ack(s);
}

/* It takes the place of structured replies, before or after them. */
enum step
option_extended(struct session *s)
{
	if (s->option.length != 0)
		return option_refuse(s, NBD_REP_ERR_INVALID,
		    "NBD_OPT_EXTENDED_HEADERS takes no data");
	if (s->agreed.style == STYLE_EXTENDED)
		return option_refuse(s, NBD_REP_ERR_INVALID,
		    "extended headers are in use already");
	s->agreed.style = STYLE_EXTENDED;
	return option_ack(s);
}
