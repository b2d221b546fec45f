/*
 * The mutator of t/fuzz, which has to keep conversations alive: a fuzzer whose
 * inputs all end at the first bad magic finds nothing behind it.
 */
#include "../fuzz/mutate.c"
#include "../fuzz/mutateops.c"
#include "../fuzz/talk.c"
#include "../fuzz/talkmake.c"
#include "unit.h"

#define ROUNDS 4000
#define MOST 8192

/* As libFuzzer's: some bytes differ, or there are more or fewer. */
size_t
LLVMFuzzerMutate(unsigned char *data, size_t size, size_t max)
{
	static uint32_t dice = 5;
	size_t n = size + talk_roll(&dice) % 9;

	n = n < 4 ? 0 : n - 4;
	n = n < max ? n : max;
	if (n > size)
		memset(data + size, 'm', n - size);
	if (n > 0)
		data[talk_roll(&dice) % n] = (unsigned char)talk_roll(&dice);
	return n;
}

/* A conversation that begins with these messages, by any start. */
static size_t
good_talk(unsigned char *data, unsigned start, unsigned style, uint32_t dice)
{
	size_t n = TALK_CONFIG;

	memset(data, 0, TALK_CONFIG);
	data[1] = (unsigned char)(start + 8 * style);
	if (start == 0) {
		wire_put32(data + n, NBD_FLAG_C_FIXED_NEWSTYLE |
		    NBD_FLAG_C_NO_ZEROES);
		n += WIRE_CLIENT_FLAGS;
	}
	for (int i = 0; start <= 2 && i < 5; i++)
		n += talk_make_option(&dice, data + n);
	for (int i = 0; start > 2 && i < 10; i++)
		n += talk_make_request(&dice, style == TALK_EXTENDED, data + n);
	return n;
}

TEST(a_conversation_is_taken_apart_and_is_the_same_together)
{
	static unsigned char data[MOST], out[MOST];
	static struct talk t;

	for (unsigned i = 0; i < 200; i++) {
		size_t n = good_talk(data, i % 8, i / 8 % 4, i);
		bool whole = true;

		talk_parse(&t, data, data + TALK_CONFIG, n - TALK_CONFIG);
		CHECK(write_out(&t, out, sizeof(out)) == n - TALK_CONFIG);
		CHECK(memcmp(out, data + TALK_CONFIG, n - TALK_CONFIG) == 0);
		for (size_t k = 0; k < t.count; k++)
			whole = whole && t.parts[k].kind != PART_REST;
		/* Behind an entry into transmission come no options. */
		CHECK(whole || i % 8 <= 2);
		CHECK(t.count >= 10 || i % 8 <= 2);
	}
}

TEST(payload_in_short_form_counts_as_what_it_stands_for)
{
	CHECK(talk_expanded((const unsigned char *)"abZZ\2c", 6) == 8195);
	CHECK(talk_expanded((const unsigned char *)"ZZ", 2) == 2);
	CHECK(talk_expanded((const unsigned char *)"", 0) == 0);
}

/* Whether the messages are whole up to the end. */
static bool
parses(const unsigned char *data, size_t n)
{
	static struct talk t;

	talk_parse(&t, data, data + TALK_CONFIG, n - TALK_CONFIG);
	return t.count == 0 || t.parts[t.count - 1].kind != PART_REST;
}

TEST(nothing_grows_beyond_what_there_is_room_for)
{
	static unsigned char data[MOST + 16];
	size_t n = good_talk(data, 3, TALK_SIMPLE, 1), max;

	memset(data + MOST, 'g', 16);
	for (unsigned i = 0; i < ROUNDS; i++) {
		max = i % 3 ? MOST : 16 + i % 300;
		n = LLVMFuzzerCustomMutator(data, n < max ? n : max, max, i);
		CHECK(n <= max);
	}
	for (unsigned i = 0; i < 16; i++)
		CHECK(data[MOST + i] == 'g');
}

TEST(from_nothing_a_conversation_comes)
{
	static unsigned char data[MOST];
	size_t n = 0;

	for (unsigned i = 1; i < 20; i++)
		n = LLVMFuzzerCustomMutator(data, n, MOST, i * 32 + 3);
	CHECK(n > 100);
}

/* One mutation of a good conversation; from crossing it with another. */
static size_t
mutated(unsigned char *data, unsigned i)
{
	static unsigned char other[MOST], both[MOST];
	size_t n = good_talk(data, i % 8, i / 8 % 4, i), m;

	if (i % 5 != 0)
		return LLVMFuzzerCustomMutator(data, n, MOST, i);
	m = good_talk(other, (i + 1) % 8, i / 8 % 4, i * 7);
	n = LLVMFuzzerCustomCrossOver(data, n, other, m, both, MOST, i);
	memcpy(data, both, n);
	return n;
}

TEST(mutated_conversations_mostly_parse)
{
	static unsigned char data[MOST], before[MOST];
	unsigned whole = 0, same = 0;

	for (unsigned i = 1; i <= ROUNDS; i++) {
		size_t was = good_talk(before, i % 8, i / 8 % 4, i);
		size_t n = mutated(data, i);

		whole += n >= TALK_CONFIG && parses(data, n);
		same += n == was && memcmp(data, before, n) == 0;
	}
	printf("# %u%% parse, %u%% are unchanged\n", whole * 100 / ROUNDS,
	    same * 100 / ROUNDS);
	CHECK(whole > ROUNDS * 6 / 10);
	CHECK(same < ROUNDS / 10);
}

int
main(void)
{
	RUN(a_conversation_is_taken_apart_and_is_the_same_together);
	RUN(payload_in_short_form_counts_as_what_it_stands_for);
	RUN(nothing_grows_beyond_what_there_is_room_for);
	RUN(from_nothing_a_conversation_comes);
	RUN(mutated_conversations_mostly_parse);
	return DONE();
}
