/*
 * fuzz_record: any bytes as an export's file, a configuration or a state
 * file.  What is read can be written and reads as the same again; what is
 * refused has a reason that fits on a line.
 */
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/text.h"
#include "spool/config.h"
#include "spool/name.h"
#include "spool/record.h"
#include "spool/state.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* A reason names the file first, and a state file can hold it. */
static void
check_reason(const struct diag *d)
{
	require(strncmp(d->text, "f:", 2) == 0);
	require(strchr(d->text, '\n') == NULL);
	require(strlen(d->text) < DIAG_MAX);
}

static void
check_blocks(const struct record *r)
{
	struct record_blocks b;

	record_blocks(r, &b);
	require(b.min >= 1 && b.min <= 65536 && (b.min & (b.min - 1)) == 0);
	require(b.preferred >= 512 && b.preferred >= b.min);
	require((b.preferred & (b.preferred - 1)) == 0);
	require(b.max >= b.preferred && b.max % b.min == 0);
	require(b.max <= 32 << 20);
}

static void
read_record(const char *text, size_t len)
{
	struct record first = { 0 }, again = { 0 }, copy = { 0 };
	struct diag d = { "" };
	struct buf b;

	if (record_parse(&first, text, len, "f", &d) == -1) {
		check_reason(&d);
		require(first.image == NULL && first.allow == NULL);
		return;
	}
	require(first.image != NULL && first.image[0] == '/');
	require(first.mode == MODE_RO || first.mode == MODE_RW);
	check_blocks(&first);
	buf_init(&b, RECORD_FILE_MAX);
	require(record_format(&first, &b, &d) == 0);
	require(record_parse(&again, b.data, b.len, "f", &d) == 0);
	require(record_equal(&first, &again));
	require(record_copy(&copy, &first) == 0);
	require(record_equal(&first, &copy));
	buf_free(&b);
	record_clear(&first);
	record_clear(&again);
	record_clear(&copy);
}

/* A format that is its table alone; obj and again are zeroed. */
static void
read_keys(const struct key *keys, const char *section, void *obj, void *again,
    const char *text, size_t len)
{
	struct diag d = { "" };
	struct buf b;

	require(keys_init(keys, obj, &d) == 0);
	require(keys_init(keys, again, &d) == 0);
	if (keys_parse(keys, obj, section, text, len, "f", &d) == 0) {
		buf_init(&b, CONF_FILE_MAX);
		require(keys_format(keys, obj, section, &b, &d) == 0);
		require(keys_parse(keys, again, section, b.data, b.len, "f",
		    &d) == 0);
		require(keys_equal(keys, obj, again));
		buf_free(&b);
	} else {
		check_reason(&d);
	}
}

static void
read_config(const char *text, size_t len)
{
	struct config c = { 0 }, again = { 0 };
	struct listen_addr a;
	const char *cursor, *item;
	struct diag d;
	char one[512];
	size_t n;

	read_keys(config_keys, CONFIG_SECTION, &c, &again, text, len);
	if (config_check(&c, &d) == 0) {
		cursor = c.listen;
		while ((item = text_item(&cursor, &n)) != NULL) {
			require(n < sizeof(one));
			memcpy(one, item, n);
			one[n] = '\0';
			require(config_listen(&a, one, &d) == 0);
			require(a.kind != LISTEN_TCP || a.port <= 65535);
		}
	}
	config_clear(&c);
	config_clear(&again);
}

static void
read_state(const char *text, size_t len)
{
	struct state_export e = { 0 }, e2 = { 0 };
	struct state_daemon s = { 0 }, s2 = { 0 };

	read_keys(state_export_keys, "state", &e, &e2, text, len);
	read_keys(state_daemon_keys, "daemon", &s, &s2, text, len);
	state_export_clear(&e);
	state_export_clear(&e2);
	state_daemon_clear(&s);
	state_daemon_clear(&s2);
}

static void
read_words(const char *text, size_t len)
{
	char *word = strndup(text, len < 300 ? len : 300);
	char name[NAME_SIZE], file[NAME_FILE_SIZE];
	struct listen_addr a;
	struct diag d;

	require(word != NULL);
	record_check_cidr(word, &d);
	config_listen(&a, word, &d);
	require(name_valid(word) == (name_check(word, &d) == 0));
	if (name_from_file(name, word, ".ini")) {
		name_to_file(file, name);
		require(strcmp(file, word) == 0);
	}
	free(word);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *text = (const char *)data;

	read_record(text, size);
	read_config(text, size);
	read_state(text, size);
	read_words(text, size);
	return 0;
}
