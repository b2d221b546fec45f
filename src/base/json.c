/* json: commas, quotes and escapes. */
#include <string.h>

#include "base/text.h"
#include "base/json.h"

/* Bytes of the UTF-8 character that begins here; 0: there is none. */
static size_t
utf8_length(const char *s, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (text_utf8(s, n))
			return n;
	return 0;
}

/* Bytes that are written as they are. */
static size_t
plain_length(const char *s)
{
	size_t n = 0;

	while (s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

/* What is not plain; how many bytes it was. */
static size_t
quote_one(FILE *out, const char *s, size_t left)
{
	size_t n = utf8_length(s, left);

	if (n == 0) {
		fputs("\\ufffd", out);
		return 1;
	}
	if (*s == '"' || *s == '\\')
		fprintf(out, "\\%c", *s);
	else if ((unsigned char)*s < 0x20 || *s == 0x7f)
		fprintf(out, "\\u%04x", (unsigned char)*s);
	else
		fwrite(s, 1, n, out);
	return n;
}

/* A listing of ten thousand exports has millions of bytes, nearly all plain. */
static void
quote(FILE *out, const char *s)
{
	size_t left = strlen(s), n;

	fputc('"', out);
	while (left > 0) {
		n = plain_length(s);
		fwrite(s, 1, n, out);
		if (n == 0)
			n = quote_one(out, s, left);
		s += n;
		left -= n;
	}
	fputc('"', out);
}

static void
before(struct json *j, const char *key)
{
	if (j->comma)
		fputc(',', j->out);
	j->comma = true;
	if (key == NULL)
		return;
	quote(j->out, key);
	fputc(':', j->out);
}

void
json_open(struct json *j, const char *key, char bracket)
{
	before(j, key);
	fputc(bracket, j->out);
	j->comma = false;
}

void
json_close(struct json *j, char bracket)
{
	fputc(bracket, j->out);
	j->comma = true;
}

void
json_string(struct json *j, const char *key, const char *value)
{
	before(j, key);
	if (value != NULL)
		quote(j->out, value);
	else
		fputs("null", j->out);
}

void
json_number(struct json *j, const char *key, uint64_t value)
{
	before(j, key);
	fprintf(j->out, "%llu", (unsigned long long)value);
}

void
json_real(struct json *j, const char *key, double value)
{
	before(j, key);
	fprintf(j->out, "%.1f", value);
}

void
json_bool(struct json *j, const char *key, bool value)
{
	before(j, key);
	fputs(value ? "true" : "false", j->out);
}

void
json_null(struct json *j, const char *key)
{
	before(j, key);
	fputs("null", j->out);
}

void
json_time(struct json *j, const char *key, uint64_t seconds)
{
	char text[32];

	json_string(j, key, seconds != 0 ? text_time(text, sizeof(text),
	    (long long)seconds) : NULL);
}
