/*
 * optmeta: NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT.  There are
 * few contexts, so what matches is a set of bits, and each is told once.
 */
#include <string.h>

#include <bsd/string.h>

#include "base/text.h"
#include "session/impl.h"

#define ALL ((1u << CONTEXTS) - 1)

static const char *const names[CONTEXTS] = {
	[CONTEXT_ALLOCATION] = "base:allocation",
	[CONTEXT_DEPTH] = "qemu:allocation-depth",
};

/* "base:", "qemu:": all of the namespace, in a list only. */
static bool
is_wildcard(const char *query, size_t len, const char *name)
{
	size_t space = strcspn(name, ":") + 1;

	return len == space && memcmp(query, name, space) == 0;
}

static unsigned
match(const char *query, size_t len, bool list)
{
	unsigned found = 0;

	for (unsigned i = 0; i < CONTEXTS; i++)
		if ((len == strlen(names[i]) &&
		    memcmp(query, names[i], len) == 0) ||
		    (list && is_wildcard(query, len, names[i])))
			found |= 1u << i;
	return found;
}

/* What is wrong with a query, or NULL.  Unknown namespaces are ignored. */
static const char *
query_fault(const char *query, size_t len)
{
	if (len > NBD_STRING_MAX)
		return "query is longer than 4096 bytes";
	if (!text_utf8(query, len))
		return "query is not valid UTF-8 without NUL";
	if (memchr(query, ':', len) == NULL)
		return "query has no namespace with a colon";
	return NULL;
}

/* The contexts that the option asks for, or what is wrong with a query. */
static const char *
asked(const struct session *s, unsigned *contexts)
{
	bool list = s->option.option == NBD_OPT_LIST_META_CONTEXT;
	struct wire_meta_request r;
	const char *query, *fault;
	uint32_t len;

	*contexts = 0;
	if (wire_get_meta_request(&r, (const unsigned char *)s->data.data,
	    s->option.length) == -1)
		return "lengths in the option do not add up";
	if (list && r.count == 0)
		*contexts = ALL;
	for (; r.count > 0; r.count--) {
		query = wire_next_query(&r, &len);
		if ((fault = query_fault(query, len)) != NULL)
			return fault;
		*contexts |= match(query, len, list);
	}
	return NULL;
}

/* "replaces all previously-set metadata contexts (including when [it] fails)" */
static void
forget(struct session *s)
{
	s->agreed.contexts = 0;
	s->agreed.export[0] = '\0';
}

enum step
option_meta(struct session *s)
{
	struct wire_meta_request r;
	const char *fault;

	if (s->option.option == NBD_OPT_SET_META_CONTEXT)
		forget(s);
	if (s->agreed.style == STYLE_SIMPLE)
		return option_refuse(s, NBD_REP_ERR_INVALID,
		    "metadata contexts need structured replies first");
	if ((fault = asked(s, &s->asked)) != NULL)
		return option_refuse(s, NBD_REP_ERR_INVALID, fault);
	wire_get_meta_request(&r, (const unsigned char *)s->data.data,
	    s->option.length);
	return option_find(s, r.name, r.name_len, false);
}

/* NBD_REP_META_CONTEXT: u32 id, which means nothing in a list, and name. */
static int
tell(struct session *s, enum context context)
{
	unsigned char data[4 + 64];
	size_t len = strlen(names[context]);
	bool list = s->option.option == NBD_OPT_LIST_META_CONTEXT;

	wire_put32(data, list ? 0 : CONTEXT_ID(context));
	memcpy(data + 4, names[context], len);
	return option_reply(s, NBD_REP_META_CONTEXT, data, 4 + len);
}

static void
select_contexts(struct session *s, const struct generation *g,
    unsigned contexts)
{
	s->agreed.contexts = contexts;
	strlcpy(s->agreed.export, g->name, sizeof(s->agreed.export));
}

enum step
meta_found(struct session *s, struct generation *g)
{
	unsigned contexts = s->asked;

	if (s->option.option == NBD_OPT_SET_META_CONTEXT)
		select_contexts(s, g, contexts);
	generation_unref(g);
	for (unsigned i = 0; i < CONTEXTS; i++)
		if ((contexts & 1u << i) && tell(s, i) == -1)
			return session_close(s, "out of memory");
	return option_ack(s);
}
