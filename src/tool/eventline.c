/* eventline: a flat JSON object, decoded in place. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tool/eventline.h"

/* What is read, and where the decoded text goes: never further. */
struct cursor {
	const char *in, *end;
	char *out;
};

static bool
take(struct cursor *c, char wanted)
{
	if (c->in == c->end || *c->in != wanted)
		return false;
	c->in++;
	return true;
}

static void
put_utf8(struct cursor *c, unsigned code)
{
	if (code >= 0xd800 && code < 0xe000)
		code = 0xfffd; /* we write no surrogates */
	if (code < 0x80) {
		*c->out++ = (char)code;
	} else if (code < 0x800) {
		*c->out++ = (char)(0xc0 | code >> 6);
		*c->out++ = (char)(0x80 | (code & 0x3f));
	} else {
		*c->out++ = (char)(0xe0 | code >> 12);
		*c->out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*c->out++ = (char)(0x80 | (code & 0x3f));
	}
}

static bool
hex4(struct cursor *c, unsigned *code)
{
	static const char digits[] = "0123456789abcdef";

	*code = 0;
	for (int i = 0; i < 4; i++) {
		const char *d = c->in < c->end && *c->in != '\0' ?
		    strchr(digits, *c->in | 0x20) : NULL;

		if (d == NULL)
			return false;
		*code = *code * 16 + (unsigned)(d - digits);
		c->in++;
	}
	return *code != 0; /* it would end the text */
}

static bool
escape(struct cursor *c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	unsigned code;

	if (take(c, 'u')) {
		if (!hex4(c, &code))
			return false;
		put_utf8(c, code);
		return true;
	}
	at = c->in < c->end && *c->in != '\0' ? strchr(from, *c->in) : NULL;
	if (at == NULL)
		return false;
	*c->out++ = to[at - from];
	c->in++;
	return true;
}

static const char *
string(struct cursor *c)
{
	const char *begin = c->out;

	if (!take(c, '"'))
		return NULL;
	while (c->in < c->end && *c->in != '"') {
		if ((unsigned char)*c->in < 0x20)
			return NULL;
		if (*c->in != '\\')
			*c->out++ = *c->in++;
		else if (c->in++, !escape(c))
			return NULL;
	}
	*c->out++ = '\0';
	return take(c, '"') && text_utf8(begin, strlen(begin)) ? begin : NULL;
}

/* RFC 8259, section 6: what others read may be handed on as it is. */
static bool
is_number(const char *s)
{
	static const char digits[] = "0123456789";
	size_t n = strspn(s += *s == '-', digits);

	if (n == 0 || (n > 1 && *s == '0'))
		return false;
	s += n;
	if (*s == '.') {
		if ((n = strspn(++s, digits)) == 0)
			return false;
		s += n;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '+' || *s == '-';
		if ((n = strspn(s, digits)) == 0)
			return false;
		s += n;
	}
	return *s == '\0';
}

static bool
is_word(const char *s)
{
	return strcmp(s, "true") == 0 || strcmp(s, "false") == 0 ||
	    strcmp(s, "null") == 0;
}

/* A number or a word. */
static const char *
literal(struct cursor *c)
{
	size_t len = 0, left = (size_t)(c->end - c->in);
	const char *begin = c->out;

	while (len < left && c->in[len] != '\0' &&
	    strchr("+-.0123456789Eaeflnrstu", c->in[len]) != NULL)
		len++;
	if (len == 0 || len == left)
		return NULL;
	memcpy(c->out, c->in, len);
	c->in += len;
	c->out[len] = '\0';
	c->out += len + 1;
	return is_number(begin) || is_word(begin) ? begin : NULL;
}

static bool
member(struct cursor *c, struct eventline_member *m)
{
	if ((m->key = string(c)) == NULL || !take(c, ':'))
		return false;
	m->text = c->in < c->end && *c->in == '"';
	m->value = m->text ? string(c) : literal(c);
	return m->value != NULL;
}

static bool
members(struct eventline *l, struct cursor *c)
{
	if (!take(c, '{'))
		return false;
	do
		if (l->count == EVENTLINE_MEMBERS ||
		    !member(c, &l->members[l->count++]))
			return false;
	while (take(c, ','));
	return take(c, '}') && c->in == c->end;
}

static const struct eventline_member *
find(const struct eventline *l, const char *key)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->members[i].key, key) == 0)
			return &l->members[i];
	return NULL;
}

static bool
has_text(const struct eventline *l, const char *key)
{
	const struct eventline_member *m = find(l, key);

	return m != NULL && m->text;
}

bool
eventline_parse(struct eventline *l, const char *text, size_t len)
{
	struct cursor c = { .in = text, .end = text + len };

	l->count = 0;
	/* A literal's NUL takes the place of the comma behind it. */
	l->memory = c.out = malloc(len + 1);
	if (l->memory != NULL && members(l, &c) &&
	    has_text(l, "time") && has_text(l, "event"))
		return true;
	eventline_free(l);
	return false;
}

void
eventline_free(struct eventline *l)
{
	free(l->memory);
	l->memory = NULL;
	l->count = 0;
}

bool
eventline_null(const struct eventline_member *m)
{
	return !m->text && strcmp(m->value, "null") == 0;
}

const char *
eventline_get(const struct eventline *l, const char *key)
{
	const struct eventline_member *m = find(l, key);

	return m != NULL && !eventline_null(m) ? m->value : NULL;
}
