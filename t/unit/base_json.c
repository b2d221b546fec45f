/* json: whatever the text, the document is valid. */
#include "base/json.h"

#include <stdlib.h>

#include "unit.h"

static char *text;
static size_t size;

static struct json
begin(void)
{
	return (struct json) { .out = open_memstream(&text, &size) };
}

static void
end(struct json *j, const char *want)
{
	fclose(j->out);
	CHECK_STR(text, want);
	free(text);
	text = NULL;
}

TEST(commas_stand_between_items_and_nowhere_else)
{
	struct json j = begin();

	json_open(&j, NULL, '{');
	json_number(&j, "a", UINT64_MAX);
	json_open(&j, "b", '[');
	json_close(&j, ']');
	json_open(&j, "c", '[');
	json_bool(&j, NULL, true);
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_null(&j, NULL);
	json_close(&j, ']');
	json_real(&j, "d", 1.25);
	json_string(&j, "e", NULL);
	json_close(&j, '}');
	end(&j, "{\"a\":18446744073709551615,\"b\":[],"
	    "\"c\":[true,{},null],\"d\":1.2,\"e\":null}");
}

TEST(quotes_backslashes_and_control_characters_are_escaped)
{
	struct json j = begin();

	json_string(&j, NULL, "a\"b\\c\n\033\x7f/");
	end(&j, "\"a\\\"b\\\\c\\u000a\\u001b\\u007f/\"");
}

TEST(utf8_stays_and_other_bytes_are_replaced)
{
	struct json j = begin();

	json_string(&j, NULL, "\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80");
	end(&j, "\"\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80\"");
	j = begin();
	/* A lone byte, an overlong slash, a surrogate, a cut character. */
	json_string(&j, NULL, "\xff\xc0\xaf\xed\xa0\x80-\xe6\x97");
	end(&j, "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd-"
	    "\\ufffd\\ufffd\"");
}

int
main(void)
{
	RUN(commas_stand_between_items_and_nowhere_else);
	RUN(quotes_backslashes_and_control_characters_are_escaped);
	RUN(utf8_stays_and_other_bytes_are_replaced);
	return DONE();
}
