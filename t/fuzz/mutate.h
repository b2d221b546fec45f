/* mutate: what the parts of the session's mutator share. */
#ifndef T_FUZZ_MUTATE_H
#define T_FUZZ_MUTATE_H

#include "talk.h"

#define MADE_MAX 65536 /* bytes of messages that one mutation makes */

struct work {
	struct talk talk;
	enum talk_start start;
	uint32_t dice;
	bool extended; /* requests are, at the end */
	size_t made;   /* of memory: */
	unsigned char memory[MADE_MAX];
};

uint32_t work_roll(struct work *w, uint32_t sides); /* 0 to sides - 1 */

/* One of the things that may happen to a conversation. */
void mutate_once(struct work *w);

size_t LLVMFuzzerMutate(unsigned char *data, size_t size, size_t max);

#endif
