/*
 * optlist: NBD_OPT_LIST.  The list is a catalog of one moment, sent as fast
 * as the client takes it, so 10,000 exports need no memory of their own.
 */
#include <string.h>

#include "session/impl.h"

enum step
option_list(struct session *s)
{
	if (s->option.length != 0)
		return option_refuse(s, NBD_REP_ERR_INVALID,
		    "NBD_OPT_LIST takes no data");
	if (!s->config.listing)
		return option_refuse(s, NBD_REP_ERR_POLICY,
		    "listing is switched off");
	s->catalog = s->host->catalog(s->arg);
	if (s->catalog == NULL)
		return option_refuse(s, NBD_REP_ERR_PLATFORM,
		    "out of memory, try again");
	s->listed = 0;
	s->phase = PHASE_OPTION_LIST;
	return STEP_NEXT;
}

/* NBD_REP_SERVER: u32 length of the name, name, description. */
static int
list_one(struct session *s, const struct catalog_entry *e)
{
	unsigned char data[4 + NAME_SIZE + NBD_STRING_MAX];
	const char *text = e->generation->record.description;
	size_t name = strlen(e->name);
	size_t len = text != NULL ? strlen(text) : 0;

	wire_put32(data, (uint32_t)name);
	memcpy(data + 4, e->name, name);
	if (len > NBD_STRING_MAX)
		len = 0; /* the reader of records refuses it */
	if (len > 0)
		memcpy(data + 4 + name, text, len);
	return option_reply(s, NBD_REP_SERVER, data, 4 + name + len);
}

enum step
step_option_list(struct session *s, struct input *in)
{
	const struct catalog_entry *e;

	(void)in;
	while (s->listed < s->catalog->count) {
		if (session_queued(s) >= SESSION_TURN_BYTES)
			return STEP_WAIT;
		e = &s->catalog->entries[s->listed];
		/* Who may not use it, and who could not, is not shown it. */
		if (e->generation != NULL &&
		    generation_shown(e->generation, s->config.peer) &&
		    list_one(s, e) == -1)
			return STEP_WAIT;
		s->listed++;
	}
	catalog_unref(s->catalog);
	s->catalog = NULL;
	return option_ack(s);
}
