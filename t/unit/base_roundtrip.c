/*
 * The property that the formats stand on: what is written is read back as
 * exactly the same, and what could not be is refused when it is written.
 * Values are generated; NBDMUX_SEED=N repeats or varies a run.
 */
#include "base/conf.h"
#include "base/keys.h"

#include <stdlib.h>

#include "base/text.h"
#include "unit.h"

#define ROUNDS 60000
#define TEXT_MAX (CONF_VALUE_MAX + 20)

static uint64_t seed;

/* xorshift64*: the same numbers on every machine. */
static uint64_t
any(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 2685821657736338717u;
}

static size_t
below(size_t n)
{
	return (size_t)((any() >> 32) % n);
}

static bool
one_in(size_t n)
{
	return below(n) == 0;
}

/* Pieces on which readers of INI files are known to trip. */
static const char *const pieces[] = { "a", "b-1", "/", " ", " ", ";", " ;",
	" ; x", "#", " #", "=", "==", " = ", ":", "[", "]", "[export]", "\"",
	"'", "\\", "\\\\", ",", ", ", "%s", "$", "\xc3\xa9", "\xe2\x82\xac",
	"\xf0\x9f\x92\xbe", "\xef\xbb\xbf", "\xc2\xa0", "\xc2\x85", "image" };
static const char *const bad_pieces[] = { "\n", "\r", "\r\n", "\t", "\x01",
	"\x1b[2J", "\x7f", "\n ", "\n[export]\n", "\nmode = rw\n", "\x0b",
	"\x0c", "\x1a" };

static const char *
any_piece(size_t bad)
{
	if (bad > 0 && one_in(bad))
		return bad_pieces[below(sizeof bad_pieces / sizeof *pieces)];
	return pieces[below(sizeof pieces / sizeof *pieces)];
}

/* Lengths around inih's own caps and around ours, but mostly short. */
static size_t
any_length(void)
{
	switch (below(40)) {
	case 0:
		return CONF_VALUE_MAX - 4 + below(8);
	case 1:
		return below(CONF_VALUE_MAX);
	case 2:
	case 3:
	case 4:
		return 185 + below(30);
	case 5:
		return 0;
	default:
		return below(60);
	}
}

/* A text; one in so many pieces is bad (0: none); bytes: any byte but NUL. */
static void
any_text(char text[TEXT_MAX], size_t bad, bool bytes)
{
	size_t want = any_length(), len = 0, n;
	const char *piece;

	while (len < want) {
		if (bytes) {
			text[len++] = (char)(1 + below(255));
			continue;
		}
		piece = any_piece(bad);
		n = strlen(piece);
		if (len + n >= TEXT_MAX)
			break;
		memcpy(text + len, piece, n);
		len += n;
	}
	text[len] = '\0';
}

struct expect {
	const char *name, *value;
	unsigned calls;
	bool same;
};

static int
on_value(void *arg, const char *name, const char *value, unsigned line,
    struct diag *d)
{
	struct expect *e = arg;

	(void)line;
	(void)d;
	e->calls++;
	if (strcmp(name, e->name) == 0)
		e->same = strcmp(value, e->value) == 0;
	return 0;
}

/* Whether the value comes back from between two other lines. */
static bool
comes_back(const char *value, const char *name)
{
	static const char *const equals[] = { " = ", "=", " =", "= ",
		"\t=\t \t" };
	static const char *const ends[] = { "\n", "\r\n", " \n", "\t\r\n" };
	static char text[4 * TEXT_MAX];
	struct expect e = { name, value, 0, false };
	int len;

	len = snprintf(text, sizeof text, "%s[export]\nfirst = 1\n%s%s%s%s"
	    "last = 2%s", one_in(4) ? "# x\n\n" : "", name, equals[below(5)],
	    value, ends[below(4)], one_in(2) ? "\n" : "");
	return conf_parse(text, (size_t)len, "f", "export", on_value, &e,
	    NULL) == 0 && e.same && e.calls == 3;
}

/* Both ways: nothing that changes is allowed, nothing that does not, not. */
TEST(a_value_is_allowed_exactly_when_it_comes_back_the_same)
{
	static char value[TEXT_MAX];
	unsigned allowed = 0, refused = 0, wrong = 0, i;
	bool ok, bytes;

	for (i = 0; i < ROUNDS; i++) {
		bytes = one_in(6);
		any_text(value, one_in(2) ? 30 : 0, bytes);
		ok = conf_value_check(value, NULL) == 0;
		if (ok)
			allowed++;
		else
			refused++;
		if (ok != comes_back(value, "name") && wrong++ < 5) {
			char shown[200];
			printf("# %s: \"%s\"\n", ok ? "changed" : "refused",
			    text_escape(shown, sizeof shown, value,
			    strlen(value)));
		}
	}
	printf("# %u allowed, %u refused\n", allowed, refused);
	CHECK(wrong == 0);
	CHECK(allowed > ROUNDS / 4 && refused > ROUNDS / 10);
}

TEST(every_byte_at_every_end_is_kept_or_refused)
{
	char value[8];
	int byte, at;

	for (byte = 1; byte < 256; byte++)
		for (at = 0; at < 4; at++) {
			strcpy(value, at == 3 ? "x" : "xyz");
			value[at % 3] = (char)byte;
			CHECK((conf_value_check(value, NULL) == 0) ==
			    comes_back(value, "name"));
		}
}

TEST(names_of_every_length_find_their_value)
{
	char name[CONF_NAME_MAX + 2];
	size_t len;

	for (len = 1; len <= CONF_NAME_MAX + 1; len++) {
		memset(name, 'n', len);
		name[len] = '\0';
		CHECK(comes_back("v ; w", name) == (len <= CONF_NAME_MAX));
	}
}

/*
 * Any text at all: what is reported is what stands on that line, found here
 * in the plainest way.
 */
struct lines {
	const char *text;
	unsigned last, settings, wrong;
};

static int
on_line(void *arg, const char *name, const char *value, unsigned line,
    struct diag *d)
{
	struct lines *l = arg;
	const char *at = l->text, *end, *from;
	unsigned i;

	(void)d;
	for (i = 1; i < line; i++)
		at = strchr(at, '\n') + 1;
	end = at + strcspn(at, "\n");
	from = strchr(at, '=') + 1;
	while (from < end && strchr(" \t", *from) != NULL)
		from++;
	while (end > from && strchr(" \t\r", end[-1]) != NULL)
		end--;
	l->settings++;
	if (line <= l->last || strncmp(at, name, strlen(name)) != 0 ||
	    strlen(value) != (size_t)(end - from) ||
	    memcmp(value, from, strlen(value)) != 0)
		l->wrong++;
	l->last = line;
	return 0;
}

TEST(what_is_reported_stands_on_its_line)
{
	static const char *const parts[] = { "a", "b", "c-1", "=", "=", "= ",
		" = ", ";", "#", " ", "\t", "\n", "\n", "\r\n", "[export]",
		"x ; y", "\n# c\n", "\xc3\xa9", "\n[export]\n", "\nd = ",
		"\ne=", "\nfoo = [x] ; y", "\n  ", "\x01" };
	static char text[8192];
	struct lines l = { text, 0, 0, 0 };
	size_t len, n, left;
	unsigned i, whole = 0;

	for (i = 0; i < ROUNDS; i++) {
		len = (size_t)snprintf(text, sizeof text, "%s",
		    one_in(20) ? "" : "[export]\n");
		for (left = below(16); left > 0; left--) {
			const char *p = parts[below(sizeof parts /
			    sizeof *parts)];
			n = strlen(p);
			memcpy(text + len, p, n + 1);
			len += n;
		}
		l.last = 0;
		if (conf_parse(text, len, "f", "export", on_line, &l,
		    NULL) == 0)
			whole++;
	}
	printf("# %u settings, %u texts without an error\n", l.settings, whole);
	CHECK(l.wrong == 0);
	CHECK(l.settings > ROUNDS / 10 && whole > ROUNDS / 50);
}

static const char *const choices[] = { "ro", "rw", "cow", NULL };

struct thing {
	char *path, *title, *user, *list, *words;
	uint64_t size, limit, count, time;
	unsigned mode, style;
	bool yes, no;
};

#define ROW(n, t, m) .name = n, .type = t, .offset = offsetof(struct thing, m)
static const struct key table[] = {
	{ ROW("path", KEY_STRING, path), .flags = KEY_REQUIRED },
	{ ROW("title", KEY_STRING, title), .flags = KEY_UTF8 },
	{ ROW("user", KEY_STRING, user), .value = "nbdmux" },
	{ .name = "later", .flags = KEY_LATER },
	{ ROW("list", KEY_LIST, list) },
	{ ROW("words", KEY_LIST, words), .value = "a, b" },
	{ ROW("size", KEY_SIZE, size), .value = "64k" },
	{ ROW("limit", KEY_SIZE, limit), .min = 512, .max = 1 << 20 },
	{ ROW("count", KEY_COUNT, count), .value = "7" },
	{ ROW("time", KEY_SECONDS, time), .value = "1m" },
	{ ROW("mode", KEY_ENUM, mode), .choices = choices },
	{ ROW("style", KEY_ENUM, style), .choices = choices,
	    .value = "cow", .flags = KEY_REQUIRED },
	{ ROW("yes", KEY_BOOL, yes), .value = "yes" },
	{ ROW("no", KEY_BOOL, no) },
	{ 0 }
};

static char *
any_string(size_t bad)
{
	static char text[TEXT_MAX];
	size_t len;

	if (one_in(4))
		return NULL;
	if (one_in(8))
		return strdup(one_in(2) ? "nbdmux" : "a,b");
	any_text(text, bad, bad > 0 && one_in(30));
	len = strlen(text);
	/* blanks at the ends are common here: keep them now and then */
	if (len > 0 && !one_in(16)) {
		text[0] = text[0] == ' ' ? 'x' : text[0];
		text[len - 1] = text[len - 1] == ' ' ? 'y' : text[len - 1];
	}
	return strdup(text);
}

static uint64_t
any_number(void)
{
	static const uint64_t edges[] = { 0, 1, 7, 60, 64, 1023, 1024, 3600,
		65536, 1 << 20, UINT64_MAX };
	size_t shift = below(64);
	uint64_t n = one_in(2) ? edges[below(11)] : any() >> shift;

	return one_in(3) ? n << below(64) : n;
}

static void
any_thing(struct thing *t, bool good)
{
	size_t bad = good ? 0 : 200;

	t->path = any_string(bad);
	t->title = any_string(bad);
	t->user = any_string(bad);
	t->list = any_string(bad);
	t->words = any_string(bad);
	t->size = any_number();
	t->limit = good || !one_in(16) ? 512 + below(1000000) : any_number();
	t->count = any_number();
	t->time = any_number();
	t->mode = (unsigned)below(good || !one_in(16) ? 3 : 4);
	t->style = (unsigned)below(3);
	t->yes = one_in(2);
	t->no = one_in(2);
}

static bool
blank_ends(const char *s)
{
	return s != NULL && *s != '\0' &&
	    (*s == ' ' || s[strlen(s) - 1] == ' ');
}

/* Made of good pieces: only these have a reason to be refused. */
static bool
has_a_reason(const struct thing *t)
{
	const char *const strings[] = { t->path, t->title, t->user };
	int i;

	if (t->path == NULL || *t->path == '\0')
		return true;
	for (i = 0; i < 3; i++)
		if (blank_ends(strings[i]) || (strings[i] != NULL &&
		    strlen(strings[i]) > CONF_VALUE_MAX))
			return true;
	/* a list's written form can be twice as long */
	return (t->list != NULL && strlen(t->list) > CONF_VALUE_MAX / 2) ||
	    (t->words != NULL && strlen(t->words) > CONF_VALUE_MAX / 2);
}

/* 1: came back equal, 0: refused when written, -1: something is wrong. */
static int
round_trip(const struct thing *t)
{
	struct thing again = { 0 };
	struct diag d = { "" };
	struct buf b, twice;
	int result = -1;

	buf_init(&b, CONF_FILE_MAX);
	buf_init(&twice, CONF_FILE_MAX);
	if (keys_format(table, t, "export", &b, &d) == -1) {
		result = d.text[0] != '\0' && b.len == 0 ? 0 : -1;
	} else if (keys_init(table, &again, &d) == 0 &&
	    keys_parse(table, &again, "export", b.data, b.len, "f", &d) == 0 &&
	    keys_equal(table, t, &again) &&
	    keys_format(table, &again, "export", &twice, &d) == 0 &&
	    strcmp(b.data, twice.data) == 0) {
		result = 1;
	}
	if (result == -1)
		printf("# %s\n", d.text);
	keys_clear(table, &again);
	buf_free(&b);
	buf_free(&twice);
	return result;
}

static void
round_trips(bool good, unsigned rounds)
{
	struct thing t = { 0 };
	unsigned same = 0, refused = 0, without_reason = 0, i;
	int result;

	for (i = 0; i < rounds; i++) {
		any_thing(&t, good);
		result = round_trip(&t);
		same += result == 1;
		refused += result == 0;
		without_reason += good && result == 0 && !has_a_reason(&t);
		keys_clear(table, &t);
	}
	printf("# %u came back the same, %u were refused\n", same, refused);
	CHECK(same + refused == rounds);
	CHECK(without_reason == 0);
	CHECK(same > rounds / 8 && refused > rounds / 8);
}

TEST(a_struct_of_any_bytes_comes_back_the_same_or_is_refused)
{
	round_trips(false, ROUNDS / 3);
}

TEST(a_struct_of_good_values_is_not_refused)
{
	round_trips(true, ROUNDS / 3);
}

/* What a text sets can be written, and sets the same again. */
TEST(a_value_that_can_be_set_can_be_written)
{
	static char value[TEXT_MAX];
	struct thing t = { 0 };
	unsigned set = 0, failed = 0, i;
	size_t row;

	for (i = 0; i < ROUNDS; i++) {
		CHECK(keys_init(table, &t, NULL) == 0);
		CHECK(keys_set(table, &t, "path", "/x", NULL) == 0);
		any_text(value, 50, one_in(8));
		row = below(5);
		if (row != 3 && keys_set(table, &t, table[row].name, value,
		    NULL) == 0) {
			set++;
			failed += round_trip(&t) != 1;
		}
		keys_clear(table, &t);
	}
	printf("# %u values were set\n", set);
	CHECK(failed == 0 && set > ROUNDS / 10);
}

int
main(void)
{
	const char *from = getenv("NBDMUX_SEED");

	seed = from != NULL ? strtoull(from, NULL, 0) : 20240607;
	printf("# NBDMUX_SEED=%llu\n", (unsigned long long)seed);
	if (seed == 0)
		seed = 1;
	RUN(a_value_is_allowed_exactly_when_it_comes_back_the_same);
	RUN(every_byte_at_every_end_is_kept_or_refused);
	RUN(names_of_every_length_find_their_value);
	RUN(what_is_reported_stands_on_its_line);
	RUN(a_struct_of_any_bytes_comes_back_the_same_or_is_refused);
	RUN(a_struct_of_good_values_is_not_refused);
	RUN(a_value_that_can_be_set_can_be_written);
	return DONE();
}
