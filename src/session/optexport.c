/*
 * optexport: options that name an export: NBD_OPT_EXPORT_NAME, NBD_OPT_INFO,
 * NBD_OPT_GO and those of metadata contexts.  The name is looked for by the
 * host, which may take its time; what follows is in optinfo.c and optmeta.c.
 */
#include <string.h>

#include <bsd/string.h>

#include "base/text.h"
#include "session/impl.h"

/* The name in the data, whichever option it is; -1: the data is wrong. */
static int
option_name(struct session *s, const unsigned char **name, size_t *len)
{
	struct wire_info_request r;
	const unsigned char *data = (const unsigned char *)s->data.data;

	if (s->option.option == NBD_OPT_EXPORT_NAME) {
		*name = data;
		*len = s->option.length;
		return 0;
	}
	if (wire_get_info_request(&r, data, s->option.length) == -1)
		return -1;
	*name = r.name;
	*len = r.name_len;
	return 0;
}

/* A hard close where the option has no error reply (EN-03). */
static enum step
refuse(struct session *s, uint32_t type, const char *why)
{
	if (s->option.option == NBD_OPT_EXPORT_NAME)
		return session_close(s, "export was refused");
	return option_refuse(s, type, why);
}

enum step
option_export(struct session *s)
{
	const unsigned char *name;
	size_t len;

	/* "MUST NOT" send EXPORT_NAME after it: its answer has no such form. */
	if (s->option.option == NBD_OPT_EXPORT_NAME &&
	    s->agreed.style == STYLE_EXTENDED)
		return session_close(s, "EXPORT_NAME after extended headers");
	if (option_name(s, &name, &len) == -1)
		return refuse(s, NBD_REP_ERR_INVALID,
		    "lengths in the option do not add up");
	return option_find(s, name, len, s->option.option != NBD_OPT_INFO);
}

enum step
option_find(struct session *s, const unsigned char *from, size_t len,
    bool join)
{
	const char *name = (const char *)from;

	if (len > NBD_STRING_MAX)
		return refuse(s, NBD_REP_ERR_INVALID,
		    "name is longer than 4096 bytes");
	if (len == 0 && s->config.default_export != NULL) {
		name = s->config.default_export;
		len = strlen(name);
	} else if (len == 0)
		return refuse(s, NBD_REP_ERR_UNKNOWN,
		    "there is no default export, name one");
	if (!text_utf8(name, len))
		return refuse(s, NBD_REP_ERR_INVALID,
		    "name is not valid UTF-8 without NUL");
	s->phase = PHASE_OPTION_ACQUIRE;
	s->joining = join;
	s->answered = false;
	s->host->acquire(s->arg, name, len, join);
	return STEP_NEXT;
}

void
session_acquired(struct session *s, enum refusal refusal,
    struct generation *g, const char *why)
{
	s->answered = true;
	s->refusal = refusal;
	s->found = g;
	strlcpy(s->why, why, sizeof(s->why));
}

static uint32_t
refusal_type(const struct session *s, enum refusal refusal)
{
	switch (refusal) {
	case REFUSE_UNKNOWN:
		return NBD_REP_ERR_UNKNOWN;
	case REFUSE_FAILED:
		return NBD_REP_ERR_PLATFORM;
	case REFUSE_TLS: /* which may not be to be had (TL-02); and TL-19 */
		return s->config.tls != SESSION_TLS_OFF &&
		    (s->option.option == NBD_OPT_INFO ||
		    s->option.option == NBD_OPT_GO) ?
		    NBD_REP_ERR_TLS_REQD : NBD_REP_ERR_POLICY;
	default:
		return NBD_REP_ERR_POLICY;
	}
}

enum step
step_option_acquire(struct session *s, struct input *in)
{
	struct generation *g;

	(void)in;
	if (!s->answered)
		return STEP_WAIT;
	if (s->refusal != REFUSE_NOT)
		return refuse(s, refusal_type(s, s->refusal), s->why);
	g = s->found;
	s->found = NULL;
	if (s->option.option == NBD_OPT_LIST_META_CONTEXT ||
	    s->option.option == NBD_OPT_SET_META_CONTEXT)
		return meta_found(s, g);
	return export_found(s, g);
}
