/*
 * opttls: NBD_OPT_STARTTLS, and what a client may do without it.  The host
 * shakes hands between the ACK and session_secured().
 */
#include <string.h>

#include "session/impl.h"

enum step
option_starttls(struct session *s)
{
	if (s->config.tls == SESSION_TLS_OFF)
		return option_refuse(s, NBD_REP_ERR_POLICY,
		    "TLS is switched off");
	if (s->config.peer->secure)
		return option_refuse(s, NBD_REP_ERR_INVALID,
		    "TLS has been started already");
	if (s->option.length != 0)
		return option_refuse(s, NBD_REP_ERR_INVALID,
		    "NBD_OPT_STARTTLS takes no data");
	if (option_reply(s, NBD_REP_ACK, NULL, 0) == -1)
		return session_close(s, "out of memory");
	s->phase = PHASE_TLS;
	return STEP_NEXT;
}

/* No input is taken here: what follows the option is not ours to read. */
enum step
step_tls(struct session *s, struct input *in)
{
	(void)s;
	(void)in;
	return STEP_TLS;
}

/*
 * Whoever sits between us and the client could have asked for something in its
 * name, so whatever was agreed on is forgotten ("Newstyle negotiation":
 * CVE-2021-3716).  Files cannot be sent as they are any more.
 */
void
session_secured(struct session *s)
{
	memset(&s->agreed, 0, sizeof(s->agreed));
	s->config.send_files = false;
	s->phase = PHASE_OPTION_HEADER;
}

bool
option_in_clear(const struct session *s)
{
	return s->config.tls != SESSION_TLS_REQUIRED ||
	    s->config.peer->secure || s->option.option == NBD_OPT_ABORT ||
	    s->option.option == NBD_OPT_STARTTLS;
}

enum step
option_not_in_clear(struct session *s)
{
	if (s->option.option == NBD_OPT_EXPORT_NAME)
		return session_close(s, "NBD_OPT_EXPORT_NAME without TLS");
	return option_refuse(s, NBD_REP_ERR_TLS_REQD,
	    "start TLS first: this server needs it");
}
