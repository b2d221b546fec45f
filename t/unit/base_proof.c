/* Names that clients prove, and those that only pretend to be some. */
#include <stdlib.h>

#include "base/proof.h"
#include "unit.h"

TEST(names_come_out_as_they_went_in)
{
	struct proof *p = proof_new(PROOF_CERTIFICATE);
	const char *name = NULL;

	CHECK(proof_next(p, NULL) == NULL);
	proof_name(p, "build7", 6);
	proof_name(p, "lab.example and more", 11);
	CHECK_STR(name = proof_next(p, name), "build7");
	CHECK_STR(name = proof_next(p, name), "lab.example");
	CHECK(proof_next(p, name) == NULL);
	proof_free(p);
	proof_free(NULL);
}

TEST(a_name_with_a_nul_or_without_a_byte_is_none)
{
	struct proof *p = proof_new(PROOF_CERTIFICATE);

	proof_name(p, "good.example\0.evil.example", 26);
	proof_name(p, "", 0);
	CHECK(proof_next(p, NULL) == NULL);
	proof_free(p);
}

TEST(more_names_than_there_is_room_for_are_left_out_whole)
{
	struct proof *p = proof_new(PROOF_CERTIFICATE);
	const char *name = NULL;
	char long_name[300];
	size_t count = 0;

	memset(long_name, 'n', sizeof(long_name));
	for (int i = 0; i < 100; i++)
		proof_name(p, long_name, sizeof(long_name));
	while ((name = proof_next(p, name)) != NULL) {
		CHECK(strlen(name) == sizeof(long_name));
		count++;
	}
	CHECK(count == PROOF_NAMES / (sizeof(long_name) + 1));
	proof_free(p);
}

TEST(text_is_cut)
{
	struct proof *p = proof_new(PROOF_PSK);
	char text[1000];

	memset(text, 't', sizeof(text));
	proof_text(p, "psk:", text, sizeof(text));
	CHECK(strlen(p->text) == PROOF_TEXT - 1);
	proof_text(p, "psk:", "alice", 5);
	CHECK_STR(p->text, "psk:alice");
	proof_free(p);
}

int
main(void)
{
	RUN(names_come_out_as_they_went_in);
	RUN(a_name_with_a_nul_or_without_a_byte_is_none);
	RUN(more_names_than_there_is_room_for_are_left_out_whole);
	RUN(text_is_cut);
	return DONE();
}
